// The part of the configuration that a whole tailnet shares, as an event carries it, and a hash that tells whether it changed.

import { createHash } from "node:crypto";
import type { ExtraRecord, Settings } from "../domain/directory/settings.ts";
import type { DERPMap } from "../wire/tailcfg/derp.ts";
import type { Config } from "./schema.ts";

export function toSettings(config: Config, derpMap: DERPMap, extraRecords: readonly ExtraRecord[]): Settings {
  const { dns, prefixes, node } = config;
  return {
    dns: {
      magicDns: dns.magic_dns,
      baseDomain: dns.base_domain,
      overrideLocalDns: dns.override_local_dns ?? dns.nameservers.global.length > 0,
      nameservers: dns.nameservers.global,
      split: dns.nameservers.split,
      searchDomains: dns.search_domains,
      extraRecords,
    },
    derpMap,
    prefixes: {
      v4: prefixes.v4 === "" ? null : prefixes.v4,
      v6: prefixes.v6 === "" ? null : prefixes.v6,
      allocation: prefixes.allocation,
    },
    taildrop: config.taildrop.enabled,
    logtail: config.logtail.enabled,
    autoUpdate: config.auto_update.enabled,
    nodeExpiry: node.expiry,
    ephemeralTimeout: node.ephemeral.inactivity_timeout,
  };
}

/** JSON with the members of every object in order of name; lists keep theirs. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(",")}}`;
}

/** Equal settings have equal hashes, on every machine and in every release that knows the same settings. */
export const settingsHash = (settings: Settings): string =>
  createHash("sha256").update(canonical(settings)).digest("hex");
