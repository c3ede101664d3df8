// Packet filter of the receiving node (protocol 8.7). `SrcBits` and `Bits` do not exist here on purpose: a client
// that reads one of them throws the whole filter away.

import type { CapMap } from "./capability.ts";

export interface PortRange {
  readonly First: number;
  readonly Last: number; // 0..65535 as a whole = any, also for protocols without ports
}

export interface NetPortRange {
  readonly IP: string; // IP, CIDR without host bits, `a-b`, `*`
  readonly Ports: PortRange;
}

export interface CapGrant {
  readonly Dsts: readonly string[]; // prefixes
  readonly CapMap?: CapMap;
}

/** Either DstPorts or CapGrant. An entry that does not parse is skipped by the client, silently. */
export interface FilterRule {
  readonly SrcIPs: readonly string[]; // as NetPortRange.IP, or `cap:<name>`
  readonly DstPorts?: readonly NetPortRange[];
  readonly IPProto?: readonly number[]; // ∅ and [] = TCP, UDP, ICMP, ICMPv6
  readonly CapGrant?: readonly CapGrant[];
}
