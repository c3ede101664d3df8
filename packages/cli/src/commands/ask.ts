// The two shapes that nearly all commands have: ask and show, and ask whether, change and say so.

import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { parseDuration } from "@hydrascale/core/config/duration";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import type { Client, Json } from "../client.ts";
import type { Context } from "../command.ts";

/** Runs `call` with the server's client and shows what it gave; `pick` is the part that machines are given. */
export async function show(
  ctx: Context,
  call: (client: Client) => Promise<Result<Json, Problem>>,
  pick: (answer: Json) => unknown,
  human: (answer: Json) => string,
): Promise<number> {
  const client = await ctx.client();
  if (!client.ok) return ctx.fail(client.error);
  const answer = await call(client.value);
  if (!answer.ok) return ctx.fail(answer.error);
  ctx.print(pick(answer.value), () => human(answer.value));
  return 0;
}

export const missing = (what: string, how: string): Problem => problem("invalid", `${what}: is missing`, how);

/** One thing named by a flag or by the first word, never by both. */
export function oneName(
  what: string,
  flag: string | undefined,
  words: readonly string[],
  how: string,
): Result<string, Problem> {
  const [word, ...more] = words;
  if (more.length > 0) return err(problem("invalid", `${more[0]}: one word too many`, how));
  if (flag !== undefined && word !== undefined)
    return err(problem("invalid", `${what}: is named twice, as ${flag} and as ${word}`, how));
  const name = flag ?? word ?? "";
  return name === "" ? err(missing(what, how)) : ok(name);
}

export function noWords(words: readonly string[]): Problem | undefined {
  const [word] = words;
  return word === undefined
    ? undefined
    : problem("invalid", `${word}: one word too many`, "--help shows what is taken");
}

/** `90d` from now as the API's time; `0` = never. */
export function expirationFrom(text: string, now: number): Result<string | null, Problem> {
  const duration = parseDuration(text);
  if (!duration.ok)
    return err(
      problem("invalid", `--expiration ${text}: ${duration.error}`, "for example 1h, 90d, or 0 for never"),
    );
  return ok(duration.value === 0 ? null : new Date(now + duration.value).toISOString());
}
