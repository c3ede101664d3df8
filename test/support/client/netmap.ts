// The netmap that a client holds, folded from messages in the order of protocol 7.3, with the losses of real clients:
// an upsert of a known peer that differs only in fields that a patch has is turned into one (7.5), and what a patch
// cannot say is lost. A server that relies on more fails here first.

import { isDeepStrictEqual } from "node:util";
import type {
  DerpRegion,
  DnsConfig,
  FilterRule,
  MapMessage,
  PeerChange,
  PeerNode,
  UserProfile,
} from "./messages.ts";

export interface Netmap {
  node: PeerNode | undefined;
  peers: Map<number, PeerNode>;
  users: Map<number, UserProfile>;
  derpRegions: Map<string, DerpRegion>;
  dns: DnsConfig | undefined;
  domain: string;
  filters: Map<string, readonly FilterRule[]>;
  ssh: Readonly<Record<string, unknown>> | undefined;
  health: readonly string[];
  displayMessages: Map<string, unknown>;
  collectServices: boolean | undefined;
  debug: Readonly<Record<string, unknown>> | undefined;
  /** Any other field, as it came last. */
  other: Map<string, unknown>;
}

export const emptyNetmap = (): Netmap => ({
  node: undefined,
  peers: new Map(),
  users: new Map(),
  derpRegions: new Map(),
  dns: undefined,
  domain: "",
  filters: new Map(),
  ssh: undefined,
  health: [],
  displayMessages: new Map(),
  collectServices: undefined,
  debug: undefined,
  other: new Map(),
});

/** Effective packet filter: chunks in the order of their names. */
export const packetFilter = (netmap: Netmap): readonly FilterRule[] =>
  [...netmap.filters.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, rules]) => rules);

/** Applies a message. Keep-alives change nothing. `now` is what a client puts in for "seen just now". */
export function applyMessage(
  netmap: Netmap,
  message: MapMessage,
  now: string = new Date().toISOString(),
): void {
  if (message.KeepAlive === true) return;
  applyPeers(netmap.peers, message, now);
  if (message.Node !== undefined) netmap.node = message.Node;
  for (const user of message.UserProfiles ?? []) netmap.users.set(user.ID, user);
  applyDerp(netmap, message);
  applyFilters(netmap.filters, message);
  netmap.dns = message.DNSConfig ?? netmap.dns;
  netmap.ssh = message.SSHPolicy ?? netmap.ssh;
  netmap.domain = message.Domain === undefined || message.Domain === "" ? netmap.domain : message.Domain;
  netmap.health = message.Health ?? netmap.health;
  netmap.collectServices = message.CollectServices ?? netmap.collectServices;
  netmap.debug = message.Debug ?? netmap.debug;
  applyPatchMap(netmap.displayMessages, message.DisplayMessages);
  for (const [field, value] of Object.entries(message))
    if (!folded.has(field)) netmap.other.set(field, value);
}

const folded = new Set([
  "KeepAlive",
  "Node",
  "Peers",
  "PeersChanged",
  "PeersRemoved",
  "PeersChangedPatch",
  "PeerSeenChange",
  "OnlineChange",
  "UserProfiles",
  "DERPMap",
  "PacketFilter",
  "PacketFilters",
  "DNSConfig",
  "SSHPolicy",
  "Domain",
  "Health",
  "CollectServices",
  "Debug",
  "DisplayMessages",
  "ControlTime",
  "PingRequest",
  "PopBrowserURL",
  "Seq",
]);

function applyPeers(peers: Map<number, PeerNode>, message: MapMessage, now: string): void {
  const whole = message.Peers ?? [];
  if (whole.length > 0) {
    peers.clear();
    for (const peer of whole) peers.set(peer.ID, peer);
    return;
  }
  // The comparison sees the peers before removals: an id in both lists is gone afterwards.
  const upserts = (message.PeersChanged ?? []).map((peer) => ({
    peer,
    patch: asPatch(peers.get(peer.ID), peer),
  }));
  for (const id of message.PeersRemoved ?? []) peers.delete(id);
  for (const { peer, patch } of upserts) if (patch === undefined) peers.set(peer.ID, peer);
  for (const [id, seen] of Object.entries(message.PeerSeenChange ?? {}))
    change(peers, Number(id), { LastSeen: seen ? now : undefined });
  for (const [id, online] of Object.entries(message.OnlineChange ?? {}))
    change(peers, Number(id), { Online: online });
  for (const { patch } of upserts) if (patch !== undefined) applyPatch(peers, patch);
  for (const patch of message.PeersChangedPatch ?? []) applyPatch(peers, patch);
}

function change(peers: Map<number, PeerNode>, id: number, fields: Readonly<Record<string, unknown>>): void {
  const peer = peers.get(id);
  if (peer === undefined) return;
  const next: Record<string, unknown> = { ...peer };
  for (const [field, value] of Object.entries(fields))
    if (value === undefined) delete next[field];
    else next[field] = value;
  // Only fields of a node are ever put in: ID stays.
  peers.set(id, next as unknown as PeerNode);
}

const patchable = new Set([
  "Key",
  "KeyExpiry",
  "KeySignature",
  "DiscoKey",
  "Endpoints",
  "HomeDERP",
  "Cap",
  "CapMap",
  "Online",
  "LastSeen",
]);

/** The patch that a client makes of an upsert; undefined when it takes the node literally. */
function asPatch(before: PeerNode | undefined, after: PeerNode): PeerChange | undefined {
  if (before === undefined) return undefined;
  const patch: Record<string, unknown> = { NodeID: after.ID };
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[field], after[field]];
    if (isDeepStrictEqual(was ?? undefined, is ?? undefined)) continue;
    if (!patchable.has(field)) return undefined;
    // Neither side may be absent for these two, or the client sees no change.
    const bothNeeded = field === "Online" || field === "LastSeen";
    if (bothNeeded && (was === undefined || was === null || is === undefined || is === null)) continue;
    patch[field === "HomeDERP" ? "DERPRegion" : field] = is;
  }
  // It holds NodeID and fields of a PeerChange by construction.
  return patch as unknown as PeerChange;
}

function applyPatch(peers: Map<number, PeerNode>, patch: PeerChange): void {
  const fields: Record<string, unknown> = {};
  if ((patch.DERPRegion ?? 0) !== 0) fields["HomeDERP"] = patch.DERPRegion;
  if ((patch.Cap ?? 0) !== 0) fields["Cap"] = patch.Cap;
  if ((patch.KeySignature ?? "") !== "") fields["KeySignature"] = patch.KeySignature;
  for (const field of ["CapMap", "Endpoints", "Key", "DiscoKey", "Online", "LastSeen", "KeyExpiry"] as const)
    if (patch[field] !== undefined && patch[field] !== null) fields[field] = patch[field];
  change(peers, patch.NodeID, fields);
}

function applyDerp(netmap: Netmap, message: MapMessage): void {
  const regions = message.DERPMap?.Regions;
  if (regions === undefined || regions === null) return;
  netmap.derpRegions.clear();
  for (const [id, region] of Object.entries(regions)) if (region !== null) netmap.derpRegions.set(id, region);
}

function applyFilters(filters: Map<string, readonly FilterRule[]>, message: MapMessage): void {
  if (message.PacketFilter !== undefined && message.PacketFilter !== null)
    filters.set("base", message.PacketFilter);
  applyPatchMap(filters, message.PacketFilters);
}

/** "*":null clears first, null deletes, anything else is put in. */
function applyPatchMap<V>(
  target: Map<string, V>,
  patch: Readonly<Record<string, V | null>> | null | undefined,
): void {
  if (patch === undefined || patch === null) return;
  if (patch["*"] === null) target.clear();
  for (const [name, value] of Object.entries(patch))
    if (value === null) target.delete(name);
    else target.set(name, value);
}
