// Nodes.

import { z } from "@hono/zod-openapi";
import type { Node } from "@hydrascale/core/domain/directory/state";
import { problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Decided } from "../../service.ts";
import { findNode, findUser, nodeId } from "../find.ts";
import { flag, timeLike } from "../input.ts";
import { operation } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import type { ApiProblem } from "../problem.ts";
import { nodeShape, nothing } from "../schemas.ts";
import { viewNode } from "../views.ts";
import type { SubnetRoutes } from "../views.ts";

const tag = "nodes";
const params = z.object({ nodeId: z.string() });
const answer = z.object({ node: nodeShape });

/** The node that a decision named, as it is now. */
export function decidedNode(
  call: Call,
  decided: Result<Pick<Decided, "result">, ApiProblem>,
  routes: SubnetRoutes = "none",
  asked?: Node["id"],
): Result<object, ApiProblem> {
  if (!decided.ok) return decided;
  const { result } = decided.value;
  const id = result.kind === "node" ? result.node : asked;
  const node = id === undefined ? undefined : call.directory.nodes.get(id);
  return node === undefined
    ? err(problem("not-found", "node: deleted since"))
    : ok({ node: viewNode(call.service, node, routes) });
}

const listNodes = operation({
  id: "listNodes",
  method: "get",
  path: "/api/v1/node",
  tag,
  summary: "List nodes, by ascending id.",
  query: z.object({ user: z.string().optional().openapi({ description: "name or id of the owner" }) }),
  answer: z.object({ nodes: z.array(nodeShape) }),
  async run({ query }, call) {
    const owner = query.user ? findUser(call.directory, query.user) : undefined;
    if (owner !== undefined && !owner.ok) return owner;
    const nodes = [...call.directory.nodes.values()]
      .filter((node) => owner === undefined || node.user === owner.value.id)
      .sort((a, b) => a.id - b.id);
    return ok({ nodes: nodes.map((node) => viewNode(call.service, node, "served", true)) });
  },
});

const getNode = operation({
  id: "getNode",
  method: "get",
  path: "/api/v1/node/{nodeId}",
  tag,
  summary: "One node.",
  params,
  answer,
  async run({ params }, call) {
    const node = findNode(call.directory, params.nodeId);
    return node.ok ? ok({ node: viewNode(call.service, node.value, "none") }) : node;
  },
});

const deleteNode = operation({
  id: "deleteNode",
  method: "delete",
  path: "/api/v1/node/{nodeId}",
  tag,
  summary: "Delete a node. Its client has to log in again.",
  params,
  answer: nothing,
  async run({ params }, call) {
    const id = nodeId(params.nodeId);
    if (!id.ok) return id;
    const decided = await call.execute({ kind: "DeleteNode", node: id.value });
    return decided.ok ? ok({}) : decided;
  },
});

const expireNode = operation({
  id: "expireNode",
  method: "post",
  path: "/api/v1/node/{nodeId}/expire",
  tag,
  summary: "Set when the node's key expires: now unless an expiry is given, or never with disableExpiry.",
  params,
  query: z.object({ expiry: timeLike.optional(), disableExpiry: flag.optional() }),
  body: z.object({ expiry: timeLike.optional(), disableExpiry: z.boolean().optional() }),
  answer,
  async run({ params, query, body }, call) {
    const id = nodeId(params.nodeId);
    if (!id.ok) return id;
    const expiry = body.expiry ?? query.expiry ?? null;
    const never = body.disableExpiry ?? query.disableExpiry ?? false;
    if (never && expiry !== null)
      return err(problem("invalid", "body: give expiry or disableExpiry, not both"));
    const decided = await call.execute({
      kind: "SetNodeExpiry",
      node: id.value,
      expiry: never ? null : (expiry ?? call.options.clock.now()),
    });
    return decidedNode(call, decided, "none", id.value);
  },
});

const renameNode = operation({
  id: "renameNode",
  method: "post",
  path: "/api/v1/node/{nodeId}/rename/{newName}",
  tag,
  summary: "Give a node another name. The client's host name no longer changes it.",
  params: params.extend({ newName: z.string() }),
  answer,
  async run({ params }, call) {
    const id = nodeId(params.nodeId);
    if (!id.ok) return id;
    const decided = await call.execute({ kind: "RenameNode", node: id.value, name: params.newName });
    return decidedNode(call, decided, "none", id.value);
  },
});

const setTags = operation({
  id: "setTags",
  method: "post",
  path: "/api/v1/node/{nodeId}/tags",
  tag,
  summary: "Set a node's tags. A tagged node belongs to no user, and all tags cannot be taken away.",
  params,
  body: z.object({ tags: z.array(z.string()).max(256).default([]) }),
  answer,
  async run({ params, body }, call) {
    const id = nodeId(params.nodeId);
    if (!id.ok) return id;
    const decided = await call.execute({ kind: "TagNode", node: id.value, tags: body.tags });
    return decidedNode(call, decided, "none", id.value);
  },
});

const setApprovedRoutes = operation({
  id: "setApprovedRoutes",
  method: "post",
  path: "/api/v1/node/{nodeId}/approve_routes",
  tag,
  summary: "Set the routes that a node may serve. Either default route stands for both; none clears.",
  params,
  body: z.object({ routes: z.array(z.string()).max(4096).default([]) }),
  answer,
  async run({ params, body }, call) {
    const id = nodeId(params.nodeId);
    if (!id.ok) return id;
    const decided = await call.execute({ kind: "ApproveRoutes", node: id.value, routes: body.routes });
    return decidedNode(call, decided, "primary", id.value);
  },
});

const backfillNodeIPs = operation({
  id: "backfillNodeIPs",
  method: "post",
  path: "/api/v1/node/backfillips",
  tag,
  summary: "Give addresses to nodes that lack one of a configured family.",
  query: z.object({ confirmed: flag.optional() }),
  body: z.object({ confirmed: z.boolean().optional() }),
  answer: z.object({ changes: z.array(z.string()) }),
  async run({ query, body }, call) {
    if (!(query.confirmed ?? body.confirmed ?? false))
      return err(problem("invalid", "not confirmed, nothing was changed", "repeat with ?confirmed=true"));
    const decided = await call.execute({ kind: "BackfillAddresses" });
    if (!decided.ok) return decided;
    const { result } = decided.value;
    return ok({ changes: result.kind === "changes" ? result.changes : [] });
  },
});

export const nodeOperations: readonly Operation[] = [
  listNodes,
  getNode,
  deleteNode,
  expireNode,
  renameNode,
  setTags,
  setApprovedRoutes,
  backfillNodeIPs,
];
