// Map messages as a client reads them: only what tests look at is typed, everything else is kept as it came.
// Deliberately not the server's types: a client that shares them could not notice a mistake in them.

import type { NodeKey } from "@hydrascale/core/domain/ids";

export interface PeerNode {
  readonly ID: number;
  readonly StableID?: string;
  readonly Name?: string;
  readonly User?: number;
  readonly Key?: string;
  readonly KeyExpiry?: string;
  readonly KeySignature?: string | null;
  readonly Machine?: string;
  readonly DiscoKey?: string;
  readonly Addresses?: readonly string[] | null;
  readonly AllowedIPs?: readonly string[] | null;
  readonly PrimaryRoutes?: readonly string[] | null;
  readonly Endpoints?: readonly string[] | null;
  readonly HomeDERP?: number;
  readonly Hostinfo?: Readonly<Record<string, unknown>> | null;
  readonly Created?: string;
  readonly Cap?: number;
  readonly CapMap?: Readonly<Record<string, unknown>> | null;
  readonly Tags?: readonly string[];
  readonly Online?: boolean | null;
  readonly LastSeen?: string | null;
  readonly MachineAuthorized?: boolean;
  readonly [field: string]: unknown;
}

export interface PeerChange {
  readonly NodeID: number;
  readonly DERPRegion?: number;
  readonly Cap?: number;
  readonly CapMap?: Readonly<Record<string, unknown>> | null;
  readonly Endpoints?: readonly string[] | null;
  readonly Key?: string | null;
  readonly KeySignature?: string | null;
  readonly DiscoKey?: string | null;
  readonly Online?: boolean | null;
  readonly LastSeen?: string | null;
  readonly KeyExpiry?: string | null;
}

export interface UserProfile {
  readonly ID: number;
  readonly LoginName?: string;
  readonly DisplayName?: string;
  readonly ProfilePicURL?: string;
}

export interface FilterRule {
  readonly SrcIPs?: readonly string[] | null;
  readonly DstPorts?:
    | readonly { readonly IP?: string; readonly Ports?: { First: number; Last: number } }[]
    | null;
  readonly IPProto?: readonly number[] | null;
  readonly CapGrant?:
    | readonly { readonly Dsts?: readonly string[]; readonly [field: string]: unknown }[]
    | null;
  readonly [field: string]: unknown;
}

export interface DnsConfig {
  readonly Domains?: readonly string[] | null;
  readonly Proxied?: boolean;
  readonly Resolvers?: readonly { readonly Addr?: string }[] | null;
  readonly Routes?: Readonly<Record<string, readonly { readonly Addr?: string }[] | null>> | null;
  readonly ExtraRecords?:
    | readonly { readonly Name?: string; readonly Type?: string; readonly Value?: string }[]
    | null;
  readonly [field: string]: unknown;
}

export interface DerpRegion {
  readonly RegionID?: number;
  readonly RegionCode?: string;
  readonly Nodes?: readonly Readonly<Record<string, unknown>>[] | null;
  readonly [field: string]: unknown;
}

export interface DerpMap {
  readonly HomeParams?: { readonly RegionScore?: Readonly<Record<string, number>> | null } | null;
  readonly Regions?: Readonly<Record<string, DerpRegion | null>> | null;
  readonly [field: string]: unknown;
}

export interface MapMessage {
  readonly KeepAlive?: boolean;
  readonly PingRequest?: {
    readonly URL?: string;
    readonly Types?: string;
    readonly [field: string]: unknown;
  };
  readonly Node?: PeerNode;
  readonly DERPMap?: DerpMap;
  readonly Peers?: readonly PeerNode[] | null;
  readonly PeersChanged?: readonly PeerNode[] | null;
  readonly PeersRemoved?: readonly number[] | null;
  readonly PeersChangedPatch?: readonly PeerChange[] | null;
  readonly PeerSeenChange?: Readonly<Record<string, boolean>> | null;
  readonly OnlineChange?: Readonly<Record<string, boolean>> | null;
  readonly DNSConfig?: DnsConfig | null;
  readonly Domain?: string;
  readonly CollectServices?: boolean | null;
  readonly PacketFilter?: readonly FilterRule[] | null;
  readonly PacketFilters?: Readonly<Record<string, readonly FilterRule[] | null>> | null;
  readonly UserProfiles?: readonly UserProfile[] | null;
  readonly Health?: readonly string[] | null;
  readonly DisplayMessages?: Readonly<Record<string, unknown>> | null;
  readonly SSHPolicy?: Readonly<Record<string, unknown>> | null;
  readonly ControlTime?: string;
  readonly Debug?: Readonly<Record<string, unknown>> | null;
  readonly [field: string]: unknown;
}

/** A message with what its text alone does not say. */
export interface Received {
  readonly message: MapMessage;
  /** JSON as it was compressed. */
  readonly text: string;
  /** Body length on the wire, which clients compare with that of the keep-alive. */
  readonly bodyBytes: number;
  /** performance.now() of its arrival. */
  readonly at: number;
}

export interface RegisterResponse {
  readonly User?: { readonly ID?: number; readonly DisplayName?: string };
  readonly Login?: { readonly ID?: number; readonly LoginName?: string; readonly DisplayName?: string };
  readonly NodeKeyExpired?: boolean;
  readonly MachineAuthorized?: boolean;
  readonly AuthURL?: string;
  readonly NodeKeySignature?: string | null;
  readonly Error?: string;
  readonly [field: string]: unknown;
}

export const zeroNodeKey = `nodekey:${"0".repeat(64)}` as NodeKey;
