// `hydrascale nodes`: the machines, who owns them, what they may be called and how long they stay.

import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import type { Client, Json } from "../client.ts";
import { command, group, type Context } from "../command.ts";
import { renderFacts, renderTable } from "../render/table.ts";
import { ago, stamp, timeOf, until } from "../render/time.ts";
import { isTrue, object, rows, text, texts } from "./answers.ts";
import { missing, noWords, oneName, show } from "./ask.ts";
import { findNode, nodeId } from "./lookup.ts";
import { approveRoutes, listRoutes } from "./routes.ts";

export const nodeFlag = {
  identifier: { kind: "text", short: "i", also: ["id"], value: "NODE", about: "node by id or name" },
} as const;
export const nodeHint = "name it with -i NODE; `hydrascale nodes list` shows ids and names";

const owner = (node: Json): string =>
  texts(node, "tags").join(",") || text(object(node, "user") ?? {}, "name");

const presence = (node: Json, now: number): string =>
  isTrue(node, "online")
    ? "online"
    : timeOf(node.lastSeen) === undefined
      ? "offline"
      : ago(node.lastSeen, now);

const list = command({
  name: "list",
  aliases: ["ls"],
  about: "list nodes",
  flags: {
    user: { kind: "text", short: "u", value: "USER", about: "only those of this user, by name or id" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    const now = ctx.io.now();
    return show(
      ctx,
      (client) => client.get("/api/v1/node", { user: flags.user }),
      (answer) => rows(answer, "nodes"),
      (answer) =>
        renderTable(
          ["ID", "NAME", "HOSTNAME", "OWNER", "ADDRESSES", "SEEN", "KEY EXPIRES"],
          rows(answer, "nodes").map((node) => [
            text(node, "id"),
            text(node, "givenName"),
            text(node, "name"),
            owner(node),
            texts(node, "ipAddresses").join(", "),
            presence(node, now),
            until(node.expiry, now),
          ]),
        ),
    );
  },
});

function describe(node: Json, now: number): string {
  const seen = isTrue(node, "online") ? "online" : `offline, last seen ${ago(node.lastSeen, now)}`;
  const registered = text(node, "registerMethod")
    .replace("REGISTER_METHOD_", "")
    .toLowerCase()
    .replaceAll("_", "-");
  const all = (name: string): string => texts(node, name).join(", ") || "-";
  return renderFacts([
    ["id", text(node, "id")],
    ["name", text(node, "givenName")],
    ["hostname", text(node, "name")],
    ["owner", owner(node)],
    ["addresses", all("ipAddresses")],
    ["state", seen],
    ["key expires", until(node.expiry, now)],
    ["registered", `${stamp(node.createdAt)} by ${registered}`],
    ["routes advertised", all("availableRoutes")],
    ["routes approved", all("approvedRoutes")],
    ["machine key", text(node, "machineKey")],
    ["node key", text(node, "nodeKey")],
    ["disco key", text(node, "discoKey")],
  ]);
}

const showNode = command({
  name: "show",
  about: "show one node",
  words: ["[NODE]"],
  flags: nodeFlag,
  run: ({ flags, words, ctx }) => {
    const name = oneName("node", flags.identifier, words, nodeHint);
    if (!name.ok) return Promise.resolve(ctx.fail(name.error));
    return show(
      ctx,
      async (client) => {
        const id = await nodeId(client, name.value);
        return id.ok ? client.get(`/api/v1/node/${id.value}`) : id;
      },
      (answer) => object(answer, "node"),
      (answer) => describe(object(answer, "node") ?? {}, ctx.io.now()),
    );
  },
});

const register = command({
  name: "register",
  about: "complete a login that waits (older form of `auth register`)",
  words: ["[KEY]"],
  flags: {
    user: { kind: "text", short: "u", value: "USER", about: "owner, by name or id" },
    key: { kind: "text", short: "k", value: "ID", about: "id from the page that the client opened" },
  },
  run: ({ flags, words, ctx }) => {
    const key = oneName("key", flags.key, words, "give the id from the login page with -k");
    if (!key.ok) return Promise.resolve(ctx.fail(key.error));
    const { user } = flags;
    if (user === undefined) return Promise.resolve(ctx.fail(missing("user", "give the owner with -u USER")));
    return show(
      ctx,
      (client) => client.post("/api/v1/node/register", {}, { user, key: key.value }),
      (answer) => object(answer, "node"),
      (answer) => `node ${text(object(answer, "node") ?? {}, "givenName")} registered\n`,
    );
  },
});

/** Changes one node by a POST below its path and says what became of it. */
export function change(
  ctx: Context,
  name: string,
  path: string,
  body: Json,
  said: (node: Json) => string,
): Promise<number> {
  return show(
    ctx,
    async (client) => {
      const id = await nodeId(client, name);
      return id.ok ? client.post(`/api/v1/node/${id.value}/${path}`, body) : id;
    },
    (answer) => object(answer, "node"),
    (answer) => `${said(object(answer, "node") ?? {})}\n`,
  );
}

function expiryOf(flags: { expiry: string | undefined; disable: boolean }): Result<Json, Problem> {
  if (flags.disable)
    return flags.expiry === undefined
      ? ok({ disableExpiry: true })
      : err(problem("invalid", "--disable and --expiry: contradict each other", "give one of them"));
  if (flags.expiry === undefined) return ok({});
  const time = Date.parse(flags.expiry);
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\d[Tt ]/.test(flags.expiry))
    return err(
      problem("invalid", `--expiry ${flags.expiry}: is not a time`, "for example 2027-01-31T12:00:00Z"),
    );
  return ok({ expiry: new Date(time).toISOString() });
}

const expire = command({
  name: "expire",
  aliases: ["logout", "exp", "e"],
  about: "end a node's key now or at a time, or let it never end",
  words: ["[NODE]"],
  flags: {
    ...nodeFlag,
    expiry: { kind: "text", short: "e", value: "TIME", about: "when, as 2027-01-31T12:00:00Z; default now" },
    disable: { kind: "switch", short: "d", about: "never" },
  },
  run: ({ flags, words, ctx }) => {
    const name = oneName("node", flags.identifier, words, nodeHint);
    if (!name.ok) return Promise.resolve(ctx.fail(name.error));
    const body = expiryOf(flags);
    if (!body.ok) return Promise.resolve(ctx.fail(body.error));
    return change(ctx, name.value, "expire", body.value, (node) => {
      const when = until(node.expiry, ctx.io.now());
      return `node ${text(node, "givenName")}: key ${when === "never" ? "never expires" : when.startsWith("in") ? `expires ${when}` : "expired"}`;
    });
  },
});

const rename = command({
  name: "rename",
  aliases: ["mv"],
  about: "give a node another name",
  words: ["NEW_NAME"],
  flags: nodeFlag,
  run: ({ flags, words, ctx }) => {
    const [newName, ...more] = words;
    const { identifier } = flags;
    if (identifier === undefined) return Promise.resolve(ctx.fail(missing("node", nodeHint)));
    if (newName === undefined || more.length > 0)
      return Promise.resolve(ctx.fail(missing("new name", "hydrascale nodes rename NEW_NAME -i NODE")));
    return change(
      ctx,
      identifier,
      `rename/${encodeURIComponent(newName)}`,
      {},
      (node) => `node ${text(node, "id")} is now ${text(node, "givenName")}`,
    );
  },
});

async function removeNode(ctx: Context, client: Client, name: string): Promise<number> {
  const node = await findNode(client, name);
  if (!node.ok) return ctx.fail(node.error);
  const label = `${text(node.value, "givenName")} (id ${text(node.value, "id")})`;
  const sure = await ctx.confirm(`Delete node ${label}?`);
  if (!sure.ok) return ctx.fail(sure.error);
  if (!sure.value) return ctx.fail(problem("precondition", `node ${label}: not deleted`));
  const answer = await client.delete(`/api/v1/node/${text(node.value, "id")}`);
  if (!answer.ok) return ctx.fail(answer.error);
  ctx.print(answer.value, () => `node ${label} deleted\n`);
  return 0;
}

const remove = command({
  name: "delete",
  aliases: ["del", "rm"],
  about: "delete a node; its client has to log in again",
  words: ["[NODE]"],
  flags: nodeFlag,
  run: async ({ flags, words, ctx }) => {
    const name = oneName("node", flags.identifier, words, nodeHint);
    if (!name.ok) return ctx.fail(name.error);
    const client = await ctx.client();
    return client.ok ? removeNode(ctx, client.value, name.value) : ctx.fail(client.error);
  },
});

const tag = command({
  name: "tag",
  aliases: ["tags", "t"],
  about: "set a node's tags; it then belongs to no user",
  words: ["[NODE]"],
  flags: {
    ...nodeFlag,
    tags: { kind: "list", short: "t", value: "TAGS", about: "all tags that it shall have" },
  },
  run: ({ flags, words, ctx }) => {
    const name = oneName("node", flags.identifier, words, nodeHint);
    if (!name.ok) return Promise.resolve(ctx.fail(name.error));
    const { tags } = flags;
    if (tags === undefined || tags.length === 0)
      return Promise.resolve(
        ctx.fail(missing("tags", "give all that the node shall have with -t tag:a,tag:b")),
      );
    return change(
      ctx,
      name.value,
      "tags",
      { tags },
      (node) => `node ${text(node, "givenName")} is tagged ${texts(node, "tags").join(", ")}`,
    );
  },
});

export const nodes = group("nodes", ["node", "machine", "machines"], "machines", [
  list,
  showNode,
  register,
  expire,
  rename,
  remove,
  tag,
  listRoutes,
  approveRoutes,
]);
