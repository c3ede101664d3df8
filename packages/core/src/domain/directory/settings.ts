// What a tailnet is set to by configuration. It is an event, so that all gateways agree and the audit shows it.

import type { DERPMap } from "../../wire/tailcfg/derp.ts";

export interface ExtraRecord {
  readonly name: string; // lower case, no final dot
  readonly type: "A" | "AAAA";
  readonly value: string;
}

export interface DnsSettings {
  readonly magicDns: boolean;
  readonly baseDomain: string; // no final dot
  readonly overrideLocalDns: boolean;
  readonly nameservers: readonly string[];
  readonly split: Readonly<Record<string, readonly string[]>>;
  readonly searchDomains: readonly string[];
  readonly extraRecords: readonly ExtraRecord[];
}

export interface Settings {
  readonly dns: DnsSettings;
  readonly derpMap: DERPMap;
  readonly prefixes: {
    readonly v4: string | null;
    readonly v6: string | null;
    readonly allocation: "sequential" | "random";
  };
  readonly taildrop: boolean;
  readonly logtail: boolean;
  readonly autoUpdate: boolean;
  /** Default lifetime of a user-owned node's key in milliseconds; 0 = never expires. */
  readonly nodeExpiry: number;
  /** How long an ephemeral node may be away, in milliseconds. */
  readonly ephemeralTimeout: number;
}
