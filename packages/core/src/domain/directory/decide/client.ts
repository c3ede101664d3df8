// What a registered client asks for itself: coming back, telling news of its host, logging out.

import { ok } from "../../../lib/result.ts";
import type { Result } from "../../../lib/result.ts";
import type { Problem } from "../../../lib/errors.ts";
import { isExpired } from "../../expiry.ts";
import type { MachineKey, NodeId, NodeKey } from "../../ids.ts";
import type { ClientFacts, DecideContext } from "../commands.ts";
import { sameSet } from "../canonical.ts";
import type { DirectoryEvent } from "../events.ts";
import type { DirectoryState, Node } from "../state.ts";
import { canonicalFacts, hostChange } from "./facts.ts";
import { decided, nodeOf, policyMoved, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";
import { restart } from "./register.ts";

export const clientDeciders: Deciders<"ResumeNode" | "UpdateHost" | "LogoutNode" | "SweepEphemeral"> = {
  ResumeNode(state, command, ctx) {
    const node = ownNode(state, command.node, command.nodeKey, command.machineKey);
    if (!node.ok) return node;
    if (isExpired(node.value, ctx.now))
      return refused("precondition", `node ${command.node}: its key has expired`);
    return restart(state, { expiry: command.expiry, ...canonicalFacts(command) }, node.value, ctx);
  },
  UpdateHost(state, command, ctx) {
    const node = ownNode(state, command.node, command.nodeKey);
    if (!node.ok) return node;
    const facts = canonicalFacts(command);
    const tagging = taggedBy(state, node.value, facts, ctx);
    if (!tagging.ok) return tagging;
    const result = { kind: "node", node: node.value.id } as const;
    return decided([...hostChange(state, node.value, facts), ...tagging.value], result);
  },
  LogoutNode(state, command, ctx) {
    const node = ownNode(state, command.node, command.nodeKey, command.machineKey);
    if (!node.ok) return node.error.code === "not-found" ? unchanged() : node;
    const { id, ephemeral } = node.value;
    if (ephemeral) return decided([{ kind: "NodeDeleted", node: id, reason: "logout" }]);
    if (isExpired(node.value, ctx.now)) return unchanged();
    return decided([{ kind: "NodeLoggedOut", node: id, expiry: ctx.now }]);
  },
  SweepEphemeral(state, { node, nodeKey }) {
    const row = state.nodes.get(node);
    if (row === undefined || !row.ephemeral || row.nodeKey !== nodeKey) return unchanged();
    return decided([{ kind: "NodeDeleted", node, reason: "ephemeral" }]);
  },
};

/** The node, if the one who asks holds its present key. */
function ownNode(
  state: DirectoryState,
  id: NodeId,
  nodeKey: NodeKey,
  machineKey?: MachineKey,
): Result<Node, Problem> {
  const node = nodeOf(state, id);
  if (!node.ok) return node;
  if (node.value.nodeKey !== nodeKey || (machineKey ?? node.value.machineKey) !== node.value.machineKey) {
    return refused("forbidden", `node ${id}: the key is not the node's`);
  }
  return node;
}

/**
 * A user's node that newly asks for tags which its user may give gets them (protocol 5.8). Otherwise the wish is only
 * noted; a tagged node's tags are an administrator's.
 */
function taggedBy(
  state: DirectoryState,
  node: Node,
  { requestTags }: ClientFacts,
  ctx: DecideContext,
): Result<readonly DirectoryEvent[], Problem> {
  const { user } = node;
  if (user === null || requestTags.length === 0 || sameSet(requestTags, node.requestTags)) return ok([]);
  const moved = policyMoved(state, ctx);
  if (moved !== undefined) return moved;
  if (!requestTags.every((tag) => ctx.policy.mayTag(user, tag))) return ok([]);
  return ok([{ kind: "NodeTagged", node: node.id, tags: requestTags }]);
}
