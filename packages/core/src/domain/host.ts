// The part of a client's Hostinfo that decisions and other nodes need (protocol 8.2). It is cut to this at the edge;
// NetInfo and Services are activity and live elsewhere. Wire spelling, since it is relayed as it stands.

export interface HostFacts {
  readonly OS?: string;
  readonly OSVersion?: string;
  readonly IPNVersion?: string;
  /** As the client reported it, bounded to 255 bytes of valid UTF-8 without NUL. */
  readonly Hostname?: string;
  readonly ShieldsUp?: boolean;
  readonly ShareeNode?: boolean;
  readonly sshHostKeys?: readonly string[];
  readonly AppConnector?: boolean;
  readonly Location?: Readonly<Record<string, string | number>>;
  /** Server-side only, not relayed: DeviceModel, Distro … for NextDNS and operators. */
  readonly DeviceModel?: string;
  readonly Distro?: string;
  readonly IngressEnabled?: boolean;
  readonly WireIngress?: boolean;
  readonly ServicesHash?: string;
  readonly AllowsUpdate?: boolean;
}
