// The tables of one tailnet's directory and the look-ups that follow them through every write, load and rollback.

import type {
  ApiKeyId,
  CommandId,
  LoginId,
  MachineKey,
  NodeId,
  NodeKey,
  PreAuthKeyId,
  UserId,
} from "../ids.ts";
import { Table } from "../../lib/table.ts";
import type { JournalSlot } from "../../lib/table.ts";
import { Lookup } from "./lookup.ts";
import { LogOrder } from "./log-order.ts";
import type {
  ApiKey,
  Counters,
  Departed,
  DirectoryIndex,
  DirectoryState,
  LoginOutcome,
  Node,
  Policy,
  PreAuthKey,
  Recent,
  SettingsRow,
  TailnetRow,
  User,
} from "./state.ts";

/** What counters are before the first event. */
export const noCounters: Counters = { nextNode: 1, nextUser: 1, nextPreAuthKey: 1, nextApiKey: 1, lastAt: 0 };

/** Look-ups of nodes. */
class NodeIndex {
  readonly byKey = new Lookup<NodeKey, NodeId>();
  readonly byMachine = new Lookup<MachineKey, NodeId>();
  readonly byName = new Lookup<string, NodeId>();
  readonly byAddress = new Lookup<string, NodeId>();
  readonly byUser = new Lookup<UserId, NodeId>();
  readonly ephemeral = new Set<NodeId>();

  /** Moves `id` from one value to another where the value changed. */
  follow(before: Node | undefined, after: Node | undefined, id: NodeId): void {
    move(this.byKey, before?.nodeKey, after?.nodeKey, id);
    move(this.byMachine, before?.machineKey, after?.machineKey, id);
    move(this.byName, before?.name, after?.name, id);
    move(this.byAddress, before?.addresses.v4, after?.addresses.v4, id);
    move(this.byAddress, before?.addresses.v6, after?.addresses.v6, id);
    move(this.byUser, before?.user ?? undefined, after?.user ?? undefined, id);
    if (after?.ephemeral === true) this.ephemeral.add(id);
    else this.ephemeral.delete(id);
  }
}

function move<V, Id extends number>(
  lookup: Lookup<V, Id>,
  before: V | undefined,
  after: V | undefined,
  id: Id,
): void {
  if (before === after) return;
  if (before !== undefined) lookup.remove(before, id);
  if (after !== undefined) lookup.add(after, id);
}

export function createDirectory(): DirectoryState {
  const slot: JournalSlot = { journal: undefined, seq: 0 };
  const nodes = new NodeIndex();
  const userNames = new Lookup<string, UserId>();
  const authHashes = new Lookup<string, PreAuthKeyId>();
  const apiHashes = new Lookup<string, ApiKeyId>();
  const order = new LogOrder<CommandId>();
  const departures = new LogOrder<NodeKey>();
  const index: DirectoryIndex = {
    nodeByKey: (key) => nodes.byKey.first(key),
    nodesByMachine: (key) => nodes.byMachine.all(key),
    nodeByName: (label) => nodes.byName.first(label),
    nodeByAddress: (address) => nodes.byAddress.first(address),
    nodesByUser: (user) => nodes.byUser.all(user),
    userByName: (name) => userNames.first(name.toLowerCase()),
    preAuthKeyByHash: (hash) => authHashes.first(hash),
    apiKeyByHash: (hash) => apiHashes.first(hash),
    ephemeralNodes: () => nodes.ephemeral,
    oldestRecent: () => order.oldest(),
    oldestDeparted: () => departures.oldest(),
  };
  return {
    slot,
    tailnet: new Table<"tailnet", TailnetRow>("tailnet", slot),
    settings: new Table<"settings", SettingsRow>("settings", slot),
    policy: new Table<"policy", Policy>("policy", slot),
    counters: new Table<"counters", Counters>("counters", slot),
    users: new Table<UserId, User>("users", slot, (before, after, id) =>
      move(userNames, before?.name.toLowerCase(), after?.name.toLowerCase(), id),
    ),
    preAuthKeys: new Table<PreAuthKeyId, PreAuthKey>("preAuthKeys", slot, (before, after, id) =>
      move(authHashes, before?.hash, after?.hash, id),
    ),
    apiKeys: new Table<ApiKeyId, ApiKey>("apiKeys", slot, (before, after, id) =>
      move(apiHashes, before?.hash, after?.hash, id),
    ),
    nodes: new Table<NodeId, Node>("nodes", slot, (before, after, id) => nodes.follow(before, after, id)),
    departed: new Table<NodeKey, Departed>("departed", slot, (before, after, id, seq) => {
      if (before !== undefined) departures.remove(id);
      if (after !== undefined) departures.add(id, seq, after.node.id);
    }),
    logins: new Table<LoginId, LoginOutcome>("logins", slot),
    recent: new Table<CommandId, Recent>("recent", slot, (before, after, id, seq) => {
      if (before !== undefined) order.remove(id);
      if (after !== undefined) order.add(id, seq, after.n);
    }),
    index,
  };
}
