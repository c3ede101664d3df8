// `hydrascale nodes list-routes` and `approve-routes`: what nodes offer to reach, and what they may.

import type { Json } from "../client.ts";
import { command } from "../command.ts";
import { renderTable } from "../render/table.ts";
import { object, rows, text, texts } from "./answers.ts";
import { missing, oneName, show } from "./ask.ts";
import { nodeId } from "./lookup.ts";

const nodeFlag = {
  identifier: { kind: "text", short: "i", also: ["id"], value: "NODE", about: "node by id or name" },
} as const;

const withRoutes = (node: Json): boolean =>
  texts(node, "availableRoutes").length > 0 || texts(node, "approvedRoutes").length > 0;

/** An address range or exit route in the form that the server takes; `exit` stands for both default routes. */
const routesOf = (list: readonly string[]): string[] =>
  list.flatMap((route) => (route === "exit" ? ["0.0.0.0/0", "::/0"] : [route]));

export const listRoutes = command({
  name: "list-routes",
  aliases: ["lsr", "routes"],
  about: "list the routes of nodes: advertised, approved, served",
  words: ["[NODE]"],
  flags: nodeFlag,
  run: ({ flags, words, ctx }) => {
    const all = flags.identifier === undefined && words.length === 0;
    const name = all ? undefined : oneName("node", flags.identifier, words, "name one node, or none for all");
    if (name !== undefined && !name.ok) return Promise.resolve(ctx.fail(name.error));
    let wanted: string | undefined;
    const chosen = (answer: Json): readonly Json[] =>
      rows(answer, "nodes").filter((node) =>
        wanted === undefined ? withRoutes(node) : text(node, "id") === wanted,
      );
    return show(
      ctx,
      async (client) => {
        if (name !== undefined) {
          const id = await nodeId(client, name.value);
          if (!id.ok) return id;
          wanted = id.value;
        }
        return client.get("/api/v1/node");
      },
      chosen,
      (answer) =>
        renderTable(
          ["ID", "NAME", "ADVERTISED", "APPROVED", "SERVED"],
          chosen(answer).map((node) => [
            text(node, "id"),
            text(node, "givenName"),
            texts(node, "availableRoutes").join(", "),
            texts(node, "approvedRoutes").join(", "),
            texts(node, "subnetRoutes").join(", "),
          ]),
        ),
    );
  },
});

export const approveRoutes = command({
  name: "approve-routes",
  about: "set the routes that a node may serve",
  words: ["[NODE]"],
  flags: {
    ...nodeFlag,
    routes: {
      kind: "list",
      short: "r",
      value: "ROUTES",
      about: 'all that it may serve; exit = both defaults; "" for none',
    },
  },
  run: ({ flags, words, ctx }) => {
    const name = oneName("node", flags.identifier, words, "name it with -i NODE");
    if (!name.ok) return Promise.resolve(ctx.fail(name.error));
    const { routes } = flags;
    if (routes === undefined)
      return Promise.resolve(
        ctx.fail(missing("routes", 'give all with -r 10.0.0.0/24,exit, or -r "" for none')),
      );
    return show(
      ctx,
      async (client) => {
        const id = await nodeId(client, name.value);
        return id.ok
          ? client.post(`/api/v1/node/${id.value}/approve_routes`, { routes: routesOf(routes) })
          : id;
      },
      (answer) => object(answer, "node"),
      (answer) => {
        const node = object(answer, "node") ?? {};
        return `node ${text(node, "givenName")}: approved ${texts(node, "approvedRoutes").join(", ") || "nothing"}\n`;
      },
    );
  },
});
