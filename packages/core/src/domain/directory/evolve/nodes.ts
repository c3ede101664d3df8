// Nodes: who they are, what they are called, where they live, how long their key holds.

import type { EventMeta, EventOf, Handlers } from "../evolve.ts";
import type { NodeAddresses } from "../events.ts";
import type { DirectoryState } from "../state.ts";
import { amend, amendCounters, raise } from "./row.ts";

type NodeKind =
  | "NodeRegistered"
  | "NodeReauthenticated"
  | "NodeHostChanged"
  | "NodeExpirySet"
  | "NodeLoggedOut"
  | "NodeRenamed"
  | "NodeTagged"
  | "NodeRoutesApproved"
  | "NodeAddressesSet"
  | "NodeDeleted";

export const nodeHandlers: Handlers<NodeKind> = {
  NodeRegistered: register,
  NodeReauthenticated: reauthenticate,
  NodeHostChanged(state, { node, host, name, routes, requestTags, capver }) {
    amend(state.nodes, node, () => ({ host, name, routes, requestTags, capver }));
  },
  NodeExpirySet(state, { node, expiry }) {
    amend(state.nodes, node, () => ({ expiry }));
  },
  NodeLoggedOut(state, { node, expiry }) {
    amend(state.nodes, node, () => ({ expiry }));
  },
  NodeRenamed(state, { node, name }) {
    amend(state.nodes, node, () => ({ name, nameChosen: true }));
  },
  NodeTagged(state, { node, tags }) {
    amend(state.nodes, node, () => ({ tags, user: null, expiry: null }));
  },
  NodeRoutesApproved(state, { node, routes }) {
    amend(state.nodes, node, () => ({ approvedRoutes: routes }));
  },
  NodeAddressesSet(state, { node, addresses }) {
    amend(state.nodes, node, () => ({ addresses }));
    mark(state, addresses);
  },
  NodeDeleted(state, { node }, { at }) {
    const row = state.nodes.get(node);
    if (row === undefined) return;
    state.departed.set(row.nodeKey, { node: row, at });
    state.nodes.delete(node);
    while (state.departed.size > keptDeparted) {
      const oldest = state.index.oldestDeparted();
      if (oldest === undefined) return;
      state.departed.delete(oldest);
      // A row that a document loaded ahead of this message stays; the message that really deletes it will come.
      if (state.departed.has(oldest)) return;
    }
  },
};

/** Deleted nodes that are remembered, so that clients which were away can be told. */
const keptDeparted = 1000;

function register(state: DirectoryState, event: EventOf<"NodeRegistered">, { at }: EventMeta): void {
  state.nodes.set(event.node, {
    id: event.node,
    machineKey: event.machineKey,
    nodeKey: event.nodeKey,
    user: event.user,
    tags: event.tags,
    name: event.name,
    nameChosen: false,
    addresses: event.addresses,
    expiry: event.expiry,
    ephemeral: event.ephemeral,
    method: event.method,
    preAuthKey: event.preAuthKey,
    host: event.host,
    routes: event.routes,
    approvedRoutes: [],
    requestTags: event.requestTags,
    capver: event.capver,
    createdAt: at,
    authAt: at,
  });
  state.departed.delete(event.nodeKey);
  raise(state, "nextNode", event.node);
  mark(state, event.addresses);
}

function reauthenticate(
  state: DirectoryState,
  event: EventOf<"NodeReauthenticated">,
  { at }: EventMeta,
): void {
  amend(state.nodes, event.node, () => ({
    nodeKey: event.nodeKey,
    user: event.user,
    tags: event.tags,
    name: event.name,
    expiry: event.expiry,
    ephemeral: event.ephemeral,
    method: event.method,
    preAuthKey: event.preAuthKey,
    host: event.host,
    routes: event.routes,
    requestTags: event.requestTags,
    capver: event.capver,
    authAt: at,
  }));
  state.departed.delete(event.nodeKey);
}

/** Remembers the addresses given out last, where allocation goes on. */
function mark(state: DirectoryState, { v4, v6 }: NodeAddresses): void {
  const change = {
    ...(v4 === undefined ? {} : { lastV4: v4 }),
    ...(v6 === undefined ? {} : { lastV6: v6 }),
  };
  if (v4 !== undefined || v6 !== undefined) amendCounters(state, change);
}
