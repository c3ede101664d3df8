// What an administrator does to nodes.

import { canonicalRoutes, isTag, sameSet, sortedSet, withExitPair } from "../canonical.ts";
import type { NodeId } from "../../ids.ts";
import { labelProblem } from "../naming.ts";
import { badTag, unknownTag } from "./keys.ts";
import { decided, nodeOf, policyMoved, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";

type AdminKind = "SetNodeExpiry" | "RenameNode" | "TagNode" | "ApproveRoutes" | "DeleteNode";

const maxRoutes = 1000;
const answer = (node: NodeId) => ({ kind: "node", node }) as const;

export const nodeDeciders: Deciders<AdminKind> = {
  SetNodeExpiry(state, { node, expiry }) {
    const row = nodeOf(state, node);
    if (!row.ok) return row;
    if (row.value.expiry === expiry) return unchanged(answer(node));
    return decided([{ kind: "NodeExpirySet", node, expiry }], answer(node));
  },
  RenameNode(state, { node, name }) {
    const row = nodeOf(state, node);
    if (!row.ok) return row;
    const bad = labelProblem(state, name);
    if (bad !== undefined) return refused("invalid", `node ${node}: cannot be renamed like this`, bad);
    const holder = state.index.nodeByName(name);
    if (holder !== undefined && holder !== node) {
      return refused("conflict", `node ${node}: the name ${name} is taken by node ${holder}`);
    }
    if (row.value.name === name && row.value.nameChosen) return unchanged(answer(node));
    return decided([{ kind: "NodeRenamed", node, name }], answer(node));
  },
  TagNode(state, command, ctx) {
    const row = nodeOf(state, command.node);
    if (!row.ok) return row;
    const tags = sortedSet(command.tags);
    if (tags.length === 0) {
      const hint = "a node leaves its tags when a user logs in on it again";
      return refused("invalid", `node ${command.node}: cannot remove all tags`, hint);
    }
    const malformed = tags.find((tag) => !isTag(tag));
    if (malformed !== undefined) return badTag(malformed);
    const moved = policyMoved(state, ctx);
    if (moved !== undefined) return moved;
    const unknown = ctx.policy.version === 0 ? undefined : tags.find((tag) => !ctx.policy.tagExists(tag));
    if (unknown !== undefined) return unknownTag(unknown);
    if (sameSet(row.value.tags, tags)) return unchanged(answer(command.node));
    return decided([{ kind: "NodeTagged", node: command.node, tags }], answer(command.node));
  },
  ApproveRoutes(state, command) {
    const { node } = command;
    const row = nodeOf(state, node);
    if (!row.ok) return row;
    if (command.routes.length > maxRoutes) {
      return refused("too-large", `node ${node}: at most ${maxRoutes} routes can be approved`);
    }
    const { routes, bad } = canonicalRoutes(command.routes);
    if (bad !== undefined) {
      return refused("invalid", `route ${JSON.stringify(bad.slice(0, 64))}: not a prefix like 10.0.0.0/24`);
    }
    const approved = withExitPair(routes);
    if (sameSet(row.value.approvedRoutes, approved)) return unchanged(answer(node));
    return decided([{ kind: "NodeRoutesApproved", node, routes: approved }], answer(node));
  },
  DeleteNode(state, { node }) {
    const row = nodeOf(state, node);
    return row.ok ? decided([{ kind: "NodeDeleted", node, reason: "admin" }]) : row;
  },
};
