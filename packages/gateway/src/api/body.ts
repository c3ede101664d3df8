// Reads a request's body as JSON whatever its Content-Type says (browsers send text/plain, some clients nothing),
// and never more of it than the limit.

import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";

const tooLarge = (limit: number): Result<never, Problem> =>
  err(problem("too-large", `body: larger than ${limit} bytes`));

/** Body bytes, at most `limit`; the rest of a larger body is not read. */
export async function readBody(request: Request, limit: number): Promise<Result<Uint8Array, Problem>> {
  if (Number(request.headers.get("content-length") ?? "0") > limit) return tooLarge(limit);
  if (request.body === null) return ok(new Uint8Array());
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      await reader.cancel();
      return tooLarge(limit);
    }
    parts.push(value);
  }
  return ok(Buffer.concat(parts));
}

/** The members of a JSON object; those that are null count as not given. No body at all is an empty object. */
export function parseMembers(bytes: Uint8Array): Result<Record<string, unknown>, Problem> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return err(problem("invalid", "body: not UTF-8"));
  }
  if (text.trim() === "") return ok({});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err(problem("invalid", "body: not JSON"));
  }
  if (value === null) return ok({});
  if (typeof value !== "object" || Array.isArray(value))
    return err(problem("invalid", "body: a JSON object is expected"));
  return ok(Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null)));
}
