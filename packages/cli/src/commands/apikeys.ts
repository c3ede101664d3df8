// `hydrascale apikeys`: keys for the API and for this command from elsewhere.

import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { command, group } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { ago, stamp, until } from "../render/time.ts";
import { rows, text } from "./answers.ts";
import { expirationFrom, missing, noWords, show } from "./ask.ts";

const list = command({
  name: "list",
  aliases: ["ls", "show"],
  about: "list API keys",
  run: ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/apikey"),
      (answer) => rows(answer, "apiKeys"),
      (answer) =>
        renderTable(
          ["ID", "PREFIX", "EXPIRES", "CREATED", "LAST USED"],
          rows(answer, "apiKeys").map((key) => [
            text(key, "id"),
            text(key, "prefix"),
            until(key.expiration, ctx.io.now()),
            stamp(key.createdAt),
            ago(key.lastSeen, ctx.io.now()),
          ]),
        ),
    );
  },
});

const create = command({
  name: "create",
  aliases: ["c", "new"],
  about: "create an API key; it is shown once",
  flags: {
    expiration: { kind: "text", short: "e", value: "TIME", about: "lifetime, default 90d; 0 for ever" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    const expiration = expirationFrom(flags.expiration ?? "90d", ctx.io.now());
    if (!expiration.ok) return Promise.resolve(ctx.fail(expiration.error));
    return show(
      ctx,
      (client) =>
        client.post("/api/v1/apikey", expiration.value === null ? {} : { expiration: expiration.value }),
      (answer) => answer,
      (answer) => `${text(answer, "apiKey")}\n`,
    );
  },
});

const keyFlags = {
  prefix: { kind: "text", short: "p", value: "PREFIX", about: "key by prefix" },
  identifier: { kind: "text", short: "i", also: ["id"], value: "ID", about: "key by id" },
} as const;

type Named = { readonly id: string } | { readonly prefix: string };

/** `-i`, `-p`, or a word that is an id or a prefix; exactly one of them. */
function named(
  flags: { prefix: string | undefined; identifier: string | undefined },
  words: readonly string[],
): Result<Named, Problem> {
  const given: Named[] = [];
  if (flags.identifier !== undefined) given.push({ id: flags.identifier });
  if (flags.prefix !== undefined) given.push({ prefix: flags.prefix });
  for (const word of words) given.push(/^\d+$/.test(word) ? { id: word } : { prefix: word });
  const [key] = given;
  if (key === undefined) return err(missing("key", "name it with -i ID or -p PREFIX"));
  return given.length === 1
    ? ok(key)
    : err(problem("invalid", "key: is named more than once", "give -i or -p, not both"));
}

const label = (key: Named): string => ("id" in key ? key.id : key.prefix);

const expire = command({
  name: "expire",
  aliases: ["revoke", "exp", "e"],
  about: "end an API key",
  words: ["[KEY]"],
  flags: keyFlags,
  run: ({ flags, words, ctx }) => {
    const key = named(flags, words);
    if (!key.ok) return Promise.resolve(ctx.fail(key.error));
    return show(
      ctx,
      (client) => client.post("/api/v1/apikey/expire", key.value),
      (answer) => answer,
      () => `API key ${label(key.value)} expired\n`,
    );
  },
});

const remove = command({
  name: "delete",
  aliases: ["remove", "del"],
  about: "delete an API key",
  words: ["[KEY]"],
  flags: keyFlags,
  run: async ({ flags, words, ctx }) => {
    const key = named(flags, words);
    if (!key.ok) return ctx.fail(key.error);
    const sure = await ctx.confirm(`Delete API key ${label(key.value)}?`);
    if (!sure.ok) return ctx.fail(sure.error);
    if (!sure.value) return ctx.fail(problem("precondition", `API key ${label(key.value)}: not deleted`));
    const { value } = key;
    return show(
      ctx,
      (client) =>
        "id" in value
          ? client.delete("/api/v1/apikey/-", { id: value.id })
          : client.delete(`/api/v1/apikey/${encodeURIComponent(value.prefix)}`),
      (answer) => answer,
      () => `API key ${label(value)} deleted\n`,
    );
  },
});

export const apikeys = group("apikeys", ["apikey", "api"], "keys for the API", [
  list,
  create,
  expire,
  remove,
]);
