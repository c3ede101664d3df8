// POST /verify: relays outside this server ask whether a node key may use them. The body is bounded before it is read;
// anything but a clear question is refused, which the asking relay takes for a no.
import type { IncomingMessage, ServerResponse } from "node:http";
import { parseNodeKey } from "@hydrascale/core/wire/keys";
import type { NodeKey } from "@hydrascale/core/domain/ids";

const maxBody = 4096;

export type Admit = (key: NodeKey, source: string) => boolean | Promise<boolean>;

/** Answers the request. Rejects only when `admit` does, with nothing answered yet. */
export async function handleVerify(req: IncomingMessage, res: ServerResponse, admit: Admit): Promise<void> {
  if (req.method !== "POST") {
    answer(res, 405, { error: "verify is a POST" }, { Allow: "POST" });
    return;
  }
  const body = await readBody(req);
  if (body === undefined) {
    answer(res, 413, { error: `the body is longer than ${maxBody} bytes` }, { Connection: "close" });
    return;
  }
  const question = parseQuestion(body);
  if (question === undefined) {
    answer(res, 400, { error: 'expected {"NodePublic":"nodekey:<64 hex>","Source":"<ip>"}' });
    return;
  }
  answer(res, 200, { Allow: await admit(question.key, question.source) });
}

/** undefined: longer than allowed, or broken off. */
function readBody(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Plain events: leaving a for-await loop early would destroy the socket before the refusal is sent.
  return new Promise((resolve) => {
    req.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBody) chunks.push(chunk);
      else resolve(undefined);
    });
    req.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    req.on("error", () => resolve(undefined)); // nobody is left to read the answer
  });
}

function parseQuestion(body: string): { readonly key: NodeKey; readonly source: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { NodePublic: key, Source: source } = value as Record<string, unknown>; // an object, checked above
  if (typeof key !== "string" || (source !== undefined && typeof source !== "string")) return undefined;
  const parsed = parseNodeKey(key);
  return parsed.ok ? { key: parsed.value, source: source ?? "" } : undefined;
}

function answer(
  res: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = `${JSON.stringify(body)}\n`;
  res.writeHead(status, {
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  res.end(text);
}
