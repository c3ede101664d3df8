// `hydrascale auth`: logins that wait for somebody to vouch for them.

import { command, group } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { ago } from "../render/time.ts";
import { object, rows, text, texts } from "./answers.ts";
import { missing, noWords, oneName, show } from "./ask.ts";

const loginFlag = {
  "auth-id": { kind: "text", also: ["id"], value: "ID", about: "id from the page that the client opened" },
} as const;
const loginHint =
  "give the id from the login page with --auth-id; `hydrascale auth list` shows those that wait";

const list = command({
  name: "list",
  aliases: ["ls", "show"],
  about: "list logins that wait",
  run: ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/auth"),
      (answer) => rows(answer, "logins"),
      (answer) =>
        renderTable(
          ["ID", "HOSTNAME", "OS", "FROM", "TAGS", "BEGAN"],
          rows(answer, "logins").map((login) => [
            text(login, "authId"),
            text(login, "hostname"),
            text(login, "os"),
            text(login, "from"),
            texts(login, "requestedTags").join(","),
            ago(login.createdAt, ctx.io.now()),
          ]),
        ),
    );
  },
});

const register = command({
  name: "register",
  about: "let a machine in as a node of a user",
  words: ["[ID]"],
  flags: { ...loginFlag, user: { kind: "text", short: "u", value: "USER", about: "owner, by name or id" } },
  run: ({ flags, words, ctx }) => {
    const id = oneName("login", flags["auth-id"], words, loginHint);
    if (!id.ok) return Promise.resolve(ctx.fail(id.error));
    const { user } = flags;
    if (user === undefined) return Promise.resolve(ctx.fail(missing("user", "give the owner with -u USER")));
    return show(
      ctx,
      (client) => client.post("/api/v1/auth/register", { user, authId: id.value }),
      (answer) => object(answer, "node"),
      (answer) => {
        const node = object(answer, "node") ?? {};
        return `node ${text(node, "givenName")} registered with id ${text(node, "id")}\n`;
      },
    );
  },
});

const decide = (name: "approve" | "reject", about: string, said: string) =>
  command({
    name,
    about,
    words: ["[ID]"],
    flags: loginFlag,
    run: ({ flags, words, ctx }) => {
      const id = oneName("login", flags["auth-id"], words, loginHint);
      if (!id.ok) return Promise.resolve(ctx.fail(id.error));
      return show(
        ctx,
        (client) => client.post(`/api/v1/auth/${name}`, { authId: id.value }),
        (answer) => answer,
        () => `login ${id.value} ${said}\n`,
      );
    },
  });

export const auth = group("auth", [], "logins that wait", [
  list,
  register,
  decide("approve", "approve a check that waits", "approved"),
  decide("reject", "refuse a login that waits", "rejected"),
]);
