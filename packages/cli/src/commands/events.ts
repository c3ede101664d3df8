// `hydrascale events`: the audit. Who changed what, and when.

import type { Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import type { Client, Json } from "../client.ts";
import { command, type Context } from "../command.ts";
import { printable } from "../render/table.ts";
import { stamp } from "../render/time.ts";
import { object, text } from "./answers.ts";
import { noWords } from "./ask.ts";

/** `api key hskey-api-…`, `local unix socket`, `node mkey:…`. */
function author(by: Json | undefined): string {
  if (by === undefined) return "-";
  const name =
    text(by, "name") || text(by, "prefix") || text(by, "publicKey") || text(by, "machineKey").slice(0, 17);
  return `${text(by, "kind")} ${name}`.trim();
}

const line = (entry: Json): string =>
  printable(
    `${stamp(entry.time)}  ${text(entry, "seq").padStart(6)}  ${author(object(entry, "by"))}: ${text(entry, "summary")}`,
  ) + "\n";

/** One after the other as they come; a JSON list only when it ends. */
async function stream(
  ctx: Context,
  events: AsyncGenerator<Result<Json, Problem>, void>,
  follow: boolean,
): Promise<number> {
  const collected: Json[] = [];
  const whole = !follow && (ctx.format === "json" || ctx.format === "yaml");
  for await (const event of events) {
    if (!event.ok) return ctx.fail(event.error);
    if (whole) collected.push(event.value);
    else if (ctx.format === "human") ctx.io.out(line(event.value));
    else if (ctx.format === "yaml") ctx.io.out(`---\n${ctx.write(event.value)}`);
    else ctx.io.out(`${JSON.stringify(event.value)}\n`);
  }
  if (whole) ctx.print(collected, () => "");
  return 0;
}

export const events = command({
  name: "events",
  about: "show who changed what, and when",
  flags: {
    follow: { kind: "switch", short: "f", about: "stay and show what comes" },
    since: {
      kind: "text",
      value: "WHEN",
      about: "a sequence, a time (2026-01-02T15:04:05Z) or an age (90m, 2d)",
    },
    kind: { kind: "list", short: "k", value: "KINDS", about: "only these kinds of events" },
    node: { kind: "text", short: "n", value: "NODE", about: "only about this node, by id or name" },
  },
  run: async ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return ctx.fail(extra);
    const client: Result<Client, Problem> = await ctx.client();
    if (!client.ok) return ctx.fail(client.error);
    const query = {
      since: flags.since,
      kind: flags.kind?.join(","),
      node: flags.node,
      follow: flags.follow ? "true" : undefined,
    };
    return stream(ctx, client.value.lines("/api/v1/events", query), flags.follow);
  },
});
