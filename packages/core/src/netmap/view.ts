// The netmap's view of one node: directory row, live row and owner joined, with the JSON that peers get. The text is
// made in two parts: what a patch cannot say (compared as a whole) and what it can (compared field by field).

import type { Node, User } from "../domain/directory/state.ts";
import type { Settings } from "../domain/directory/settings.ts";
import type { LiveNode } from "../domain/live/state.ts";
import type { Subject } from "../domain/policy/compiled.ts";
import { goTime } from "../wire/tailcfg/time.ts";
import { nodeAttr } from "../wire/tailcfg/capability.ts";
import type { CapMap } from "../wire/tailcfg/capability.ts";
import { taggedDevices } from "../wire/tailcfg/user.ts";
import { servedExits } from "./routes.ts";
import { patchBit } from "./dirty.ts";

export interface ViewInput {
  readonly node: Node;
  readonly live: LiveNode | undefined;
  readonly user: User | undefined;
  readonly subnets: readonly string[];
  readonly carried: readonly string[];
  readonly baseDomain: string;
  readonly expired: boolean;
}

export const stableId = (id: number): string => `n${id}`;

export const nodeFqdn = (label: string, baseDomain: string): string =>
  baseDomain === "" ? `${label}.` : `${label}.${baseDomain}.`;

/** Kept within what Go can read: one bad time would cost clients the whole message. */
const time = (ms: number): string => goTime(Math.min(Math.max(ms, 0), LAST));
const LAST = Date.UTC(9999, 0, 1);
const hostPrefix = (address: string): string => `${address}/${address.includes(":") ? 128 : 32}`;

/** The user number on the wire; tagged nodes belong to a synthetic one. */
export const ownerId = (node: Node): number => node.user ?? taggedDevices.ID;

export class NodeView {
  readonly input: ViewInput;
  readonly subject: Subject;
  private readonly patches = new Map<number, string>();
  private stableText: string | undefined;
  private peerText: string | undefined;

  constructor(input: ViewInput, previous?: NodeView) {
    this.input = input;
    const { node } = input;
    this.subject = {
      addresses: [node.addresses.v4, node.addresses.v6].filter((a) => a !== undefined),
      routes: input.subnets,
      tags: node.tags,
      user: node.tags.length > 0 ? undefined : input.user,
    };
    if (previous !== undefined && sameStable(previous.input, input)) this.stableText = previous.stableText;
  }

  get owner(): number {
    return ownerId(this.input.node);
  }

  get fqdn(): string {
    return nodeFqdn(this.input.node.name, this.input.baseDomain);
  }

  get online(): boolean {
    return this.input.live?.online ?? false;
  }

  /** A Node without its closing brace, of everything that a PeerChange cannot carry. */
  get stable(): string {
    this.stableText ??= JSON.stringify(stablePart(this)).slice(0, -1);
    return this.stableText;
  }

  /** The Node as peers get it. */
  get peer(): string {
    this.peerText ??= `${this.stable},${JSON.stringify(volatilePart(this.input)).slice(1)}`;
    return this.peerText;
  }

  /** A PeerChange of the fields in `bits` as they are now. */
  patch(bits: number): string {
    let text = this.patches.get(bits);
    if (text === undefined) {
      text = JSON.stringify(peerChange(this.input, bits));
      this.patches.set(bits, text);
    }
    return text;
  }

  /** The Node as its owner gets it, split like `peer`; changes of the second part are not told. */
  self(settings: Settings): { readonly stable: string; readonly volatile: string } {
    const { live } = this.input;
    return {
      stable: JSON.stringify(selfPart(this, settings)).slice(0, -1),
      volatile: JSON.stringify({
        Endpoints: live?.endpoints ?? [],
        DiscoKey: live?.discoKey ?? undefined,
        HomeDERP: live?.derp || undefined,
      }).slice(1),
    };
  }

  get allowedIPs(): readonly string[] {
    const { node, carried } = this.input;
    return [...this.subject.addresses.map(hostPrefix), ...carried, ...servedExits(node)];
  }
}

/** Nothing that `stablePart` reads differs. */
function sameStable(a: ViewInput, b: ViewInput): boolean {
  return (
    a.node === b.node &&
    a.live?.services === b.live?.services &&
    a.expired === b.expired &&
    a.baseDomain === b.baseDomain &&
    a.carried.join() === b.carried.join()
  );
}

function sharedPart(view: NodeView): Record<string, unknown> {
  const { node, carried, expired } = view.input;
  return {
    ID: node.id,
    StableID: stableId(node.id),
    Name: view.fqdn,
    User: view.owner,
    Machine: node.machineKey,
    Addresses: view.subject.addresses.map(hostPrefix),
    AllowedIPs: view.allowedIPs,
    PrimaryRoutes: carried.length > 0 ? carried : undefined,
    Created: time(node.createdAt),
    Tags: node.tags.length > 0 ? node.tags : undefined,
    MachineAuthorized: true,
    Expired: expired || undefined,
  };
}

function stablePart(view: NodeView): Record<string, unknown> {
  const { node, live } = view.input;
  const services = (live?.services ?? []).filter((s) => s.Proto.startsWith("peerapi"));
  return {
    ...sharedPart(view),
    Hostinfo: {
      ...hostPart(node),
      RoutableIPs: node.host.AppConnector && node.routes.length > 0 ? node.routes : undefined,
      Services: services.length > 0 ? services : undefined,
    },
  };
}

/** The part of Hostinfo that others may know (protocol 8.2). */
function hostPart({ host }: Node): Record<string, unknown> {
  return {
    OS: host.OS,
    Hostname: host.Hostname,
    ShareeNode: host.ShareeNode,
    sshHostKeys: host.sshHostKeys,
    AppConnector: host.AppConnector,
    Location: host.Location,
  };
}

function volatilePart({ node, live }: ViewInput): Record<string, unknown> {
  const online = live?.online ?? false;
  return {
    Key: node.nodeKey,
    KeyExpiry: node.expiry === null ? undefined : time(node.expiry),
    DiscoKey: live?.discoKey ?? undefined,
    Endpoints: live?.endpoints ?? [],
    HomeDERP: live?.derp || undefined,
    Cap: node.capver,
    Online: online,
    LastSeen: online ? undefined : away(live),
  };
}

/**
 * Absent for a node that never connected: an invented time, such as that of its creation by another gateway's clock,
 * may be later than its first real one, and clients drop a disco key that comes with no newer LastSeen.
 */
const away = (live: LiveNode | undefined): string | undefined => {
  const at = live?.lastSeen ?? null;
  return at === null ? undefined : time(at);
};

function peerChange({ node, live }: ViewInput, bits: number): Record<string, unknown> {
  const online = live?.online ?? false;
  // A disco key of an offline peer is dropped by clients unless a newer LastSeen comes with it.
  const presence = (bits & (patchBit.presence | patchBit.disco)) !== 0;
  return {
    NodeID: node.id,
    DERPRegion: bits & patchBit.derp ? live?.derp || undefined : undefined,
    Cap: bits & patchBit.capver ? node.capver : undefined,
    Endpoints: bits & patchBit.endpoints ? (live?.endpoints ?? []) : undefined,
    Key: bits & patchBit.key ? node.nodeKey : undefined,
    DiscoKey: bits & patchBit.disco ? (live?.discoKey ?? undefined) : undefined,
    Online: presence ? online : undefined,
    LastSeen: presence && !online ? away(live) : undefined,
    KeyExpiry: bits & patchBit.expiry && node.expiry !== null ? time(node.expiry) : undefined,
  };
}

function selfPart(view: NodeView, settings: Settings): Record<string, unknown> {
  const { node } = view.input;
  return {
    ...sharedPart(view),
    Key: node.nodeKey,
    KeyExpiry: node.expiry === null ? undefined : time(node.expiry),
    Hostinfo: { ...hostPart(node), RoutableIPs: node.routes.length > 0 ? node.routes : undefined },
    Cap: node.capver,
    Online: true,
    CapMap: selfCaps(settings),
  };
}

function selfCaps(settings: Settings): CapMap {
  return {
    [nodeAttr.admin]: [],
    [nodeAttr.ssh]: [],
    [nodeAttr.defaultAutoUpdate]: [settings.autoUpdate],
    ...(settings.taildrop ? { [nodeAttr.fileSharing]: [] } : {}),
  };
}

/** What viewers of a node must be told after its view changed. */
export interface ViewChange {
  /** Not sayable by a patch: the whole node. */
  readonly whole: boolean;
  /** Not even sayable by the whole node to clients that know it (protocol 7.5): removal, then the whole node. */
  readonly anew: boolean;
  readonly bits: number;
}

export function compareViews(before: NodeView, after: NodeView): ViewChange {
  const a = before.input;
  const b = after.input;
  let bits = 0;
  if (!sameMembers(a.live?.endpoints ?? [], b.live?.endpoints ?? [])) bits |= patchBit.endpoints;
  if ((a.live?.derp ?? 0) !== (b.live?.derp ?? 0)) bits |= patchBit.derp;
  if ((a.live?.discoKey ?? null) !== (b.live?.discoKey ?? null)) bits |= patchBit.disco;
  if (presence(a) !== presence(b)) bits |= patchBit.presence;
  if (a.node.nodeKey !== b.node.nodeKey) bits |= patchBit.key;
  if (a.node.expiry !== b.node.expiry) bits |= patchBit.expiry;
  if (a.node.capver !== b.node.capver) bits |= patchBit.capver;
  const lost = (bits & patchBit.derp) !== 0 && (b.live?.derp ?? 0) === 0;
  const undisco = (bits & patchBit.disco) !== 0 && (b.live?.discoKey ?? null) === null;
  const unseen = (a.live?.lastSeen ?? null) !== null && (b.live?.lastSeen ?? null) === null;
  return {
    whole: before.stable !== after.stable || ((bits & patchBit.expiry) !== 0 && b.node.expiry === null),
    anew: lost || undisco || unseen,
    bits,
  };
}

/** What peers see of it. */
const presence = ({ live }: ViewInput): number | null => (live?.online ? -1 : (live?.lastSeen ?? null));

/** Equal but for order and repetition: clients try all endpoints, so another order is no news. */
function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  const x = new Set(a);
  const y = new Set(b);
  return x.size === y.size && [...x].every((e) => y.has(e));
}
