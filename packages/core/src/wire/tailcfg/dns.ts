// DNSConfig (protocol 8.6). Replaced whole on any change; {} = no DNS configuration.

export interface Resolver {
  /** IP, `IP:port`, or https:// of a provider that the client knows. */
  readonly Addr: string;
  readonly BootstrapResolution?: readonly string[];
  readonly UseWithExitNode?: boolean; // ≥ 125
}

export interface DNSRecord {
  readonly Name: string; // lower case
  readonly Type?: "A" | "AAAA"; // ∅ = by value, preferred
  readonly Value: string;
}

export interface DNSConfig {
  readonly Resolvers?: readonly Resolver[]; // not empty = overrides the system's
  /** Suffix without leading dot; [] = the client answers for it by itself. */
  readonly Routes?: Readonly<Record<string, readonly Resolver[]>>;
  readonly FallbackResolvers?: readonly Resolver[];
  readonly Domains?: readonly string[]; // search; MagicDNS suffix first
  readonly Proxied?: boolean; // MagicDNS
  readonly CertDomains?: readonly string[]; // no trailing dot
  readonly ExtraRecords?: readonly DNSRecord[];
  readonly ExitNodeFilteredSet?: readonly string[]; // leading dot = suffix; lower case
}
