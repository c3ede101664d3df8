// `hydrascale users`: who nodes belong to.

import { problem } from "@hydrascale/core/lib/errors";
import { command, group } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { stamp } from "../render/time.ts";
import { object, rows, text } from "./answers.ts";
import { missing, noWords, oneName, show } from "./ask.ts";
import { findUser, userId } from "./lookup.ts";

const userFlags = {
  identifier: { kind: "text", short: "i", also: ["id"], value: "ID", about: "user by id" },
  name: { kind: "text", short: "n", value: "NAME", about: "user by name" },
} as const;

/** `-i`, `-n` or the word. */
function named(
  flags: { identifier: string | undefined; name: string | undefined },
  words: readonly string[],
) {
  return oneName("user", flags.identifier ?? flags.name, words, "name it with -i ID or -n NAME");
}

const list = command({
  name: "list",
  aliases: ["ls", "show"],
  about: "list users",
  flags: {
    ...userFlags,
    email: { kind: "text", short: "e", value: "EMAIL", about: "user by e-mail address" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/user", { id: flags.identifier, name: flags.name, email: flags.email }),
      (answer) => rows(answer, "users"),
      (answer) =>
        renderTable(
          ["ID", "NAME", "DISPLAY NAME", "EMAIL", "CREATED"],
          rows(answer, "users").map((user) => [
            text(user, "id"),
            text(user, "name"),
            text(user, "displayName"),
            text(user, "email"),
            stamp(user.createdAt),
          ]),
        ),
    );
  },
});

const create = command({
  name: "create",
  aliases: ["c", "new"],
  about: "create a user",
  words: ["NAME"],
  flags: {
    "display-name": { kind: "text", short: "d", value: "NAME", about: "name for people" },
    email: { kind: "text", short: "e", value: "EMAIL", about: "e-mail address" },
    "picture-url": { kind: "text", short: "p", value: "URL", about: "picture" },
  },
  run: ({ flags, words, ctx }) => {
    const name = oneName("user name", undefined, words, "hydrascale users create NAME");
    if (!name.ok) return Promise.resolve(ctx.fail(name.error));
    return show(
      ctx,
      (client) =>
        client.post("/api/v1/user", {
          name: name.value,
          displayName: flags["display-name"] ?? "",
          email: flags.email ?? "",
          pictureUrl: flags["picture-url"] ?? "",
        }),
      (answer) => object(answer, "user"),
      (answer) => {
        const user = object(answer, "user") ?? {};
        return `user ${text(user, "name")} created with id ${text(user, "id")}\n`;
      },
    );
  },
});

const rename = command({
  name: "rename",
  aliases: ["mv"],
  about: "rename a user",
  words: ["[USER]"],
  flags: {
    ...userFlags,
    "new-name": { kind: "text", short: "r", value: "NAME", about: "the name it gets" },
  },
  run: async ({ flags, words, ctx }) => {
    const name = named(flags, words);
    if (!name.ok) return ctx.fail(name.error);
    const newName = flags["new-name"] ?? "";
    if (newName === "") return ctx.fail(missing("new name", "give it with -r NAME"));
    return show(
      ctx,
      async (client) => {
        const id = await userId(client, name.value);
        return id.ok ? client.post(`/api/v1/user/${id.value}/rename/${encodeURIComponent(newName)}`) : id;
      },
      (answer) => object(answer, "user"),
      () => `user ${name.value} is now ${newName}\n`,
    );
  },
});

const destroy = command({
  name: "destroy",
  aliases: ["delete", "del", "rm"],
  about: "delete a user without nodes",
  words: ["[USER]"],
  flags: userFlags,
  run: async ({ flags, words, ctx }) => {
    const name = named(flags, words);
    if (!name.ok) return ctx.fail(name.error);
    const client = await ctx.client();
    if (!client.ok) return ctx.fail(client.error);
    const user = await findUser(client.value, name.value);
    if (!user.ok) return ctx.fail(user.error);
    const label = `${text(user.value, "name")} (id ${text(user.value, "id")})`;
    const sure = await ctx.confirm(`Delete user ${label} with all its pre-auth keys?`);
    if (!sure.ok) return ctx.fail(sure.error);
    if (!sure.value) return ctx.fail(problem("precondition", `user ${label}: not deleted`));
    const answer = await client.value.delete(`/api/v1/user/${text(user.value, "id")}`);
    if (!answer.ok) return ctx.fail(answer.error);
    ctx.print(answer.value, () => `user ${label} deleted\n`);
    return 0;
  },
});

export const users = group("users", ["user", "namespace", "namespaces", "ns"], "users", [
  list,
  create,
  rename,
  destroy,
]);
