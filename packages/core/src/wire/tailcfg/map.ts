// MapRequest and MapResponse (protocol 6.1, 7.2). In a response ∅ (absent) means unchanged, unless said otherwise.

import type { DiscoKey, NodeKey } from "../../domain/ids.ts";
import type { DERPMap } from "./derp.ts";
import type { DNSConfig } from "./dns.ts";
import type { FilterRule } from "./filter.ts";
import type { Hostinfo } from "./hostinfo.ts";
import type { Node, PeerChange } from "./node.ts";
import type { SSHPolicy } from "./ssh.ts";
import type { UserProfile } from "./user.ts";

export { parseMapRequest } from "./inbound.ts";

export interface MapRequest {
  readonly Version: number; // 0 when absent
  readonly Compress: string; // "zstd" always; "" = not compressed
  readonly KeepAlive: boolean;
  readonly NodeKey: NodeKey; // zero when absent
  readonly DiscoKey: DiscoKey; // zero when absent
  readonly Stream: boolean;
  readonly Hostinfo?: Hostinfo; // ∅ = keep what is stored
  /** First 100, canonical; ∅ and [] are the same on this wire. */
  readonly Endpoints: readonly string[];
  /** As long as Endpoints: 0 unknown, 1 local, 2 STUN, 3 port-mapped, 4 STUN address + local port, 5 explicit. */
  readonly EndpointTypes: readonly number[];
  readonly ReadOnly: boolean;
  readonly OmitPeers: boolean;
}

export interface MapResponse {
  readonly KeepAlive?: boolean;
  readonly PingRequest?: PingRequest;
  readonly PopBrowserURL?: string;
  readonly Node?: Node; // whole
  readonly DERPMap?: DERPMap;
  /** Not empty = the complete list, and other peer fields are ignored. [] = no change, like ∅. */
  readonly Peers?: readonly Node[];
  readonly PeersChanged?: readonly Node[];
  readonly PeersRemoved?: readonly number[];
  readonly PeersChangedPatch?: readonly PeerChange[];
  readonly PeerSeenChange?: Readonly<Record<string, boolean>>;
  readonly OnlineChange?: Readonly<Record<string, boolean>>;
  readonly DNSConfig?: DNSConfig; // whole; {} = none
  readonly Domain?: string; // "" = unchanged
  readonly CollectServices?: boolean;
  readonly PacketFilter?: readonly FilterRule[]; // [] = deny all; is chunk "base"
  /** Chunks by name: "*": null clears all first, null deletes, [] is an empty chunk. */
  readonly PacketFilters?: Readonly<Record<string, readonly FilterRule[] | null>>;
  readonly UserProfiles?: readonly UserProfile[]; // merged by ID
  readonly Health?: readonly string[]; // [] clears
  /** ≥ 117. "*": null clears all first, null deletes. */
  readonly DisplayMessages?: Readonly<Record<string, DisplayMessage | null>>;
  readonly SSHPolicy?: SSHPolicy; // whole
  readonly ControlTime?: string;
  readonly TKAInfo?: { readonly Head?: string; readonly Disabled?: boolean };
  readonly Debug?: Debug;
  readonly ControlDialPlan?: ControlDialPlan; // no candidates = clear
  readonly ClientVersion?: ClientVersion;
  readonly DefaultAutoUpdate?: boolean; // < 131; later nodeAttr.defaultAutoUpdate
}

/** `Types` "": HEAD of URL. "c2n": Payload is an HTTP/1.1 request, its response is POSTed to URL. Else pings of IP. */
export interface PingRequest {
  readonly URL: string; // never the same twice in a row; https:// where URLIsNoise
  readonly URLIsNoise?: boolean;
  readonly Log?: boolean;
  readonly Types?: string;
  readonly IP?: string;
  readonly Payload?: string; // base64
}

export interface Debug {
  readonly SleepSeconds?: number; // ≤ 300
  readonly DisableLogTail?: boolean;
}

export interface ControlDialPlan {
  readonly Candidates: readonly ControlIPCandidate[];
}

export interface ControlIPCandidate {
  readonly IP?: string;
  readonly ACEHost?: string; // ≥ 130
  readonly DialStartDelaySec?: number;
  readonly DialTimeoutSec: number; // not 0
  readonly Priority?: number;
}

export interface ClientVersion {
  readonly RunningLatest?: boolean;
  readonly LatestVersion?: string;
  readonly UrgentSecurityUpdate?: boolean;
  readonly Notify?: boolean;
  readonly NotifyURL?: string;
  readonly NotifyText?: string;
}

export interface DisplayMessage {
  readonly Title: string;
  readonly Text: string;
  readonly Severity: "high" | "medium" | "low";
  readonly ImpactsConnectivity?: boolean;
  readonly PrimaryAction?: { readonly URL: string; readonly Label: string };
}
