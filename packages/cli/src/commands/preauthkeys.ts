// `hydrascale preauthkeys`: keys that let machines join without anybody to vouch for them.

import { problem } from "@hydrascale/core/lib/errors";
import { command, group } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { stamp, until } from "../render/time.ts";
import { isTrue, object, rows, text, texts } from "./answers.ts";
import { expirationFrom, missing, noWords, oneName, show } from "./ask.ts";

const list = command({
  name: "list",
  aliases: ["ls", "show"],
  about: "list pre-auth keys",
  flags: {
    user: { kind: "text", short: "u", value: "USER", about: "only those of this user, by id or name" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/preauthkey", { user: flags.user }),
      (answer) => rows(answer, "preAuthKeys"),
      (answer) =>
        renderTable(
          ["ID", "KEY", "OWNER", "REUSABLE", "EPHEMERAL", "USED", "EXPIRES", "CREATED"],
          rows(answer, "preAuthKeys").map((key) => [
            text(key, "id"),
            text(key, "key"),
            texts(key, "aclTags").join(",") || text(object(key, "user") ?? {}, "name"),
            isTrue(key, "reusable") ? "yes" : "no",
            isTrue(key, "ephemeral") ? "yes" : "no",
            isTrue(key, "used") ? "yes" : "no",
            until(key.expiration, ctx.io.now()),
            stamp(key.createdAt),
          ]),
        ),
    );
  },
});

const create = command({
  name: "create",
  aliases: ["c", "new"],
  about: "create a pre-auth key; it is shown once",
  flags: {
    user: { kind: "text", short: "u", value: "USER", about: "owner of the nodes that join, by id or name" },
    tags: { kind: "list", value: "TAGS", about: "tags that the nodes get; they then belong to no user" },
    reusable: { kind: "switch", about: "for more than one node" },
    ephemeral: { kind: "switch", about: "nodes are deleted once they are away" },
    expiration: { kind: "text", short: "e", value: "TIME", about: "lifetime, default 1h; 0 for ever" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    const tags = flags.tags ?? [];
    if (flags.user === undefined && tags.length === 0)
      return Promise.resolve(ctx.fail(missing("owner", "give a user with -u, or tags with --tags")));
    const expiration = expirationFrom(flags.expiration ?? "1h", ctx.io.now());
    if (!expiration.ok) return Promise.resolve(ctx.fail(expiration.error));
    return show(
      ctx,
      (client) =>
        client.post("/api/v1/preauthkey", {
          ...(flags.user === undefined ? {} : { user: flags.user }),
          reusable: flags.reusable,
          ephemeral: flags.ephemeral,
          aclTags: tags,
          ...(expiration.value === null ? {} : { expiration: expiration.value }),
        }),
      (answer) => object(answer, "preAuthKey"),
      (answer) => `${text(object(answer, "preAuthKey") ?? {}, "key")}\n`,
    );
  },
});

const idFlag = {
  identifier: { kind: "text", short: "i", also: ["id"], value: "ID", about: "key by id" },
} as const;
const idHint = "name it with -i ID; `hydrascale preauthkeys list` shows the ids";

const expire = command({
  name: "expire",
  aliases: ["revoke", "exp", "e"],
  about: "end a pre-auth key; nodes that joined with it stay",
  words: ["[ID]"],
  flags: idFlag,
  run: ({ flags, words, ctx }) => {
    const id = oneName("key", flags.identifier, words, idHint);
    if (!id.ok) return Promise.resolve(ctx.fail(id.error));
    return show(
      ctx,
      (client) => client.post("/api/v1/preauthkey/expire", { id: id.value }),
      (answer) => answer,
      () => `pre-auth key ${id.value} expired\n`,
    );
  },
});

const remove = command({
  name: "delete",
  aliases: ["del", "rm", "d"],
  about: "delete a pre-auth key; nodes that joined with it stay",
  words: ["[ID]"],
  flags: idFlag,
  run: async ({ flags, words, ctx }) => {
    const id = oneName("key", flags.identifier, words, idHint);
    if (!id.ok) return ctx.fail(id.error);
    const sure = await ctx.confirm(`Delete pre-auth key ${id.value}?`);
    if (!sure.ok) return ctx.fail(sure.error);
    if (!sure.value) return ctx.fail(problem("precondition", `pre-auth key ${id.value}: not deleted`));
    return show(
      ctx,
      (client) => client.delete("/api/v1/preauthkey", { id: id.value }),
      (answer) => answer,
      () => `pre-auth key ${id.value} deleted\n`,
    );
  },
});

export const preauthkeys = group(
  "preauthkeys",
  ["preauthkey", "authkey", "authkeys", "pre"],
  "keys to join with",
  [list, create, expire, remove],
);
