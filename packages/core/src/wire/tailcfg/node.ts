// Node and PeerChange (protocol 8.1, 7.4). `∅` is absent. What is absent keeps its zero value at the client, except
// in a PeerChange, where absent means unchanged.

import type { CapMap } from "./capability.ts";
import type { Resolver } from "./dns.ts";
import type { Hostinfo } from "./hostinfo.ts";

export interface Node {
  readonly ID: number; // > 0
  readonly StableID: string; // not empty, opaque
  readonly Name: string; // FQDN with trailing dot
  readonly User: number; // has a UserProfile
  readonly Sharer?: number;
  readonly Key: string;
  readonly KeyExpiry?: string; // ∅ = never
  readonly KeySignature?: string;
  readonly Machine?: string;
  readonly DiscoKey?: string; // ∅ = unreachable
  readonly Addresses: readonly string[]; // own addresses as /32 and /128
  /** Always given: ∅ would mean Addresses (≥ 112), [] means none. */
  readonly AllowedIPs: readonly string[];
  readonly Endpoints?: readonly string[];
  readonly HomeDERP?: number; // 1..65535; ∅ = direct paths only
  /** Always given, at least {}: clients crash without it. */
  readonly Hostinfo: Hostinfo;
  readonly Created?: string;
  readonly Cap?: number;
  readonly Tags?: readonly string[]; // not empty = tagged
  readonly PrimaryRoutes?: readonly string[]; // without exit routes and own addresses
  readonly LastSeen?: string;
  readonly Online?: boolean; // ∅ = unknown
  readonly MachineAuthorized?: boolean; // self: must be true
  readonly CapMap?: CapMap;
  readonly UnsignedPeerAPIOnly?: boolean;
  readonly Expired?: boolean;
  readonly IsWireGuardOnly?: boolean;
  readonly IsJailed?: boolean;
  readonly SelfNodeV4MasqAddrForThisPeer?: string;
  readonly SelfNodeV6MasqAddrForThisPeer?: string;
  readonly ExitNodeDNSResolvers?: readonly Resolver[];
}

export interface PeerChange {
  readonly NodeID: number;
  readonly DERPRegion?: number; // 0 and ∅ = unchanged: cannot say "no relay any more"
  readonly Cap?: number;
  readonly CapMap?: CapMap; // {} clears, else replaces whole
  readonly Endpoints?: readonly string[]; // [] clears
  readonly Key?: string;
  readonly KeySignature?: string;
  readonly DiscoKey?: string;
  readonly Online?: boolean;
  readonly LastSeen?: string;
  readonly KeyExpiry?: string; // cannot say "never any more": needs the whole node
}
