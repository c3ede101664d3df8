// What no map stream may ever contain (protocol 7.5, 13 and checklist items 41–43, 52–58, 80): hazards that a real
// client meets silently. Each finding is a sentence; a correct stream has none.

import { isIPv4, isIPv6 } from "node:net";
import { isDeepStrictEqual } from "node:util";
import type { FilterRule, MapMessage, PeerNode, Received } from "./messages.ts";
import { applyMessage, emptyNetmap } from "./netmap.ts";
import type { Netmap } from "./netmap.ts";

const keepAliveText = '{"KeepAlive":true}';
const keepAliveGapMs = 61_000;

export function lintStream(received: readonly Received[]): string[] {
  const found: string[] = [];
  const netmap = emptyNetmap();
  let first = true;
  for (const [index, { message, text }] of received.entries()) {
    const say = (what: string): number => found.push(`message ${index}: ${what}`);
    if (message.KeepAlive === true) {
      if (text.trimEnd() !== keepAliveText && message.PingRequest === undefined)
        say(`a keep-alive that is ${text.slice(0, 80)}`);
      continue;
    }
    if (first) for (const what of lintFirst(message)) say(what);
    for (const what of lintMessage(message)) say(what);
    if (!first) for (const what of lintDelta(netmap, message)) say(what);
    applyMessage(netmap, message);
    for (const what of lintProfiles(netmap)) say(what);
    first = false;
  }
  found.push(...lintLengths(received), ...lintGaps(received));
  return found;
}

/** Fields that make a client rebuild everything; empty for a message that every client applies in place (7.5). */
export function costlyFields(message: MapMessage): string[] {
  const costly = Object.keys(message).filter((field) => !cheapFields.has(field));
  for (const patch of message.PeersChangedPatch ?? [])
    for (const field of Object.keys(patch))
      if (!cheapPatchFields.has(field)) costly.push(`PeersChangedPatch.${field}`);
  return costly;
}

const cheapFields = new Set([
  "PeersChangedPatch",
  "OnlineChange",
  "PeerSeenChange",
  "ControlTime",
  "PingRequest",
  "PopBrowserURL",
  "Seq",
]);
const cheapPatchFields = new Set(["NodeID", "DERPRegion", "Endpoints", "Online", "LastSeen"]);

/** The first message of a stream is all that the client knows. */
function* lintFirst(message: MapMessage): Generator<string> {
  if (message.Node === undefined) yield "the first has no Node";
  for (const field of ["DERPMap", "DNSConfig", "Domain", "SSHPolicy"])
    if (message[field] === undefined || message[field] === null) yield `the first has no ${field}`;
  if (message.PacketFilter === undefined && message.PacketFilters === undefined)
    yield "the first has no packet filter";
  const self = message.Node?.User;
  if (!(message.UserProfiles ?? []).some((profile) => profile.ID === self))
    yield `the first has no profile of its own user ${self}`;
}

function* lintMessage(message: MapMessage): Generator<string> {
  if (Array.isArray(message.Peers) && message.Peers.length === 0) yield "Peers is [], which means no change";
  const removed = new Set(message.PeersRemoved);
  for (const peer of message.PeersChanged ?? [])
    if (removed.has(peer.ID)) yield `peer ${peer.ID} is both removed and changed, and vanishes`;
  for (const peer of [...(message.Peers ?? []), ...(message.PeersChanged ?? [])]) yield* lintPeer(peer);
  if (message.PacketFilter === null) yield "PacketFilter is null instead of []";
  const filters = [message.PacketFilter, ...Object.values(message.PacketFilters ?? {})];
  for (const rules of filters) for (const rule of rules ?? []) yield* lintRule(rule);
  for (const [id, region] of Object.entries(message.DERPMap?.Regions ?? {}))
    if (region === null) yield `DERP region ${id} is null`;
  yield* lintValues(message, "");
}

function* lintPeer(peer: PeerNode): Generator<string> {
  for (const field of ["Hostinfo", "Online", "Cap", "Addresses", "AllowedIPs", "Key", "Name", "User"])
    if (peer[field] === undefined || peer[field] === null) yield `peer ${peer.ID} has no ${field}`;
  // A node that registered and never polled has none yet, and cannot be reached anyway.
  if (peer.Online === true && (peer.DiscoKey ?? "") === "") yield `peer ${peer.ID} has no DiscoKey`;
  if (!Number.isSafeInteger(peer.ID) || peer.ID <= 0) yield `peer with ID ${peer.ID}`;
}

/** What a later message asks of a client that it cannot do, or tells about peers that it must not know. */
function* lintDelta(netmap: Netmap, message: MapMessage): Generator<string> {
  for (const id of message.PeersRemoved ?? [])
    if (!netmap.peers.has(id)) yield `removes peer ${id}, never told`;
  const added = new Set([...(message.PeersChanged ?? []), ...(message.Peers ?? [])].map((peer) => peer.ID));
  const known = (id: number): boolean => netmap.peers.has(id) || added.has(id);
  for (const { NodeID } of message.PeersChangedPatch ?? [])
    if (!known(NodeID)) yield `patches peer ${NodeID}, never told`;
  for (const field of ["OnlineChange", "PeerSeenChange"] as const)
    for (const id of Object.keys(message[field] ?? {}))
      if (!known(Number(id))) yield `${field} of peer ${id}, never told`;
  // The client's own reading of an upsert must end at the node that was sent.
  const scratch = emptyNetmap();
  for (const [id, peer] of netmap.peers) scratch.peers.set(id, peer);
  applyMessage(scratch, { PeersChanged: message.PeersChanged ?? [] });
  for (const peer of message.PeersChanged ?? []) {
    const held = scratch.peers.get(peer.ID);
    for (const field of new Set([...Object.keys(peer), ...Object.keys(held ?? {})]))
      if (!isDeepStrictEqual(peer[field] ?? undefined, held?.[field] ?? undefined))
        yield `the new ${field} of peer ${peer.ID} is lost: an upsert cannot say it`;
  }
}

/** Run on what is held after a message: profiles come with or before the peers that need them. */
function* lintProfiles(netmap: Netmap): Generator<string> {
  for (const peer of [...netmap.peers.values(), ...(netmap.node === undefined ? [] : [netmap.node])])
    if (peer.User !== undefined && !netmap.users.has(peer.User))
      yield `node ${peer.ID} belongs to user ${peer.User}, whose profile never came`;
}

function* lintRule(rule: FilterRule): Generator<string> {
  for (const field of ["SrcBits", "Bits"]) if (field in rule) yield `a filter rule with ${field}`;
  const destinations = rule.DstPorts ?? [];
  if (destinations.some((d) => "Bits" in d)) yield "a filter destination with Bits";
  const addresses = [
    ...(rule.SrcIPs ?? []),
    ...destinations.map((d) => d.IP ?? ""),
    ...(rule.CapGrant ?? []).flatMap((grant) => grant.Dsts ?? []),
  ];
  for (const text of addresses) {
    const fault = addressFault(text);
    if (fault !== undefined) yield `a filter address "${text}" ${fault}`;
  }
}

/** `*`, an address, a range `a-b`, or a prefix without host bits. */
function addressFault(text: string): string | undefined {
  if (text === "*" || text.startsWith("cap:") || text.startsWith("svc:")) return undefined;
  if (text === "") return "is empty";
  const [address = "", length] = text.split("/");
  if (length === undefined) {
    const ends = text.split("-");
    return ends.length <= 2 && ends.every(isAddress) ? undefined : "is no address";
  }
  if (!isAddress(address) || !/^\d{1,3}$/.test(length)) return "is no prefix";
  const bits = addressBits(address);
  if (Number(length) > bits.length) return "is longer than an address";
  return bits.slice(Number(length)).includes("1") ? "has host bits" : undefined;
}

const isAddress = (text: string): boolean => isIPv4(text) || isIPv6(text);

function addressBits(address: string): string {
  if (isIPv4(address))
    return address
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [left = "", right] = address.split("::");
  const groups = (half: string): string[] => (half === "" ? [] : half.split(":"));
  const [head, tail] = [groups(left), groups(right ?? "")];
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array.from({ length: zeros }, () => "0"), ...tail]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0"))
    .join("");
}

const timeFields = new Set([
  "Created",
  "LastSeen",
  "KeyExpiry",
  "Expiry",
  "ControlTime",
  "RuleExpires",
  "ruleExpires",
]);
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const keyPatterns = new Map([
  ["Key", /^nodekey:[0-9a-f]{64}$/],
  ["Machine", /^mkey:[0-9a-f]{64}$/],
  ["DiscoKey", /^discokey:[0-9a-f]{64}$/],
]);
/** Free-form objects, whose field names mean something else. */
const opaqueFields = new Set(["CapMap", "Hostinfo", "DisplayMessages", "CapGrant"]);

/** Times and keys anywhere: one that does not parse fails the whole message at the client. */
function* lintValues(value: unknown, path: string): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [field, inner] of Object.entries(value)) {
    const at = `${path}.${field}`;
    if (opaqueFields.has(field)) continue;
    if (typeof inner === "string") {
      if (inner.includes("\0")) yield `${at} contains NUL`;
      if (timeFields.has(field) && (!timePattern.test(inner) || Number.isNaN(Date.parse(inner))))
        yield `${at} is no time: "${inner}"`;
      const pattern = keyPatterns.get(field);
      if (pattern !== undefined && !pattern.test(inner)) yield `${at} is no key: "${inner.slice(0, 20)}"`;
    } else if (typeof inner === "number" && !Number.isSafeInteger(inner) && !floatFields.has(field))
      yield `${at} is no integer: ${inner}`;
    else yield* lintValues(inner, at);
  }
}

const floatFields = new Set(["Latitude", "Longitude", "DialStartDelaySec", "DialTimeoutSec"]);

/** Clients since 1.90 take a message for a keep-alive when the lengths are equal (6.4). */
function* lintLengths(received: readonly Received[]): Generator<string> {
  const keepAlive = received.find((r) => r.message.KeepAlive === true);
  if (keepAlive === undefined) return;
  for (const [index, { message, bodyBytes }] of received.entries())
    if (message.KeepAlive !== true && bodyBytes === keepAlive.bodyBytes)
      yield `message ${index}: as long as a keep-alive (${bodyBytes} bytes), and may be dropped for one`;
}

function* lintGaps(received: readonly Received[]): Generator<string> {
  for (const [index, { at }] of received.entries()) {
    const before = received[index - 1];
    if (before !== undefined && at - before.at > keepAliveGapMs)
      yield `message ${index}: ${Math.round((at - before.at) / 1000)} s after the one before`;
  }
}
