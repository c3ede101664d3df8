// What must hold between settings. Each finding names the settings it stands on, the one to change first.

import { isPrivateHost, isWithinDomain, prefixWithin } from "./address.ts";
import { resolverWarning } from "./resolver.ts";
import type { Config } from "./schema.ts";

export interface Finding {
  readonly severity: "error" | "warning";
  readonly keys: readonly [string, ...string[]];
  readonly message: string;
  readonly hint: string;
}

type Check = (config: Config, overrideAsked: boolean) => Finding | undefined;

const error = (keys: Finding["keys"], message: string, hint: string): Finding => ({
  severity: "error",
  keys,
  message,
  hint,
});
const warning = (keys: Finding["keys"], message: string, hint: string): Finding => ({
  severity: "warning",
  keys,
  message,
  hint,
});

/** Longest path that a unix socket may have on Linux; some systems take less. */
const maxSocketPath = 107;

const checks: readonly Check[] = [
  ({ server_url }) => {
    const { protocol, hostname } = new URL(server_url);
    if (protocol === "https:" || isPrivateHost(hostname)) return undefined;
    return error(
      ["server_url"],
      "plain http works only with localhost or a private address literal: for a name or a public address, clients that reconnect within two minutes dial https on port 443 and never come back",
      "use https:// (tls_cert_path and tls_key_path, or a proxy in front), or a private address",
    );
  },
  ({ server_url, dns }) => {
    const { hostname } = new URL(server_url);
    if (!dns.magic_dns || dns.base_domain === "" || hostname !== dns.base_domain) return undefined;
    return error(
      ["dns.base_domain", "server_url"],
      `is the host of server_url (${hostname}), so clients would no longer find this server once they joined`,
      "choose a domain that is used for nothing else, for example one below it",
    );
  },
  ({ server_url, dns }) => {
    const { hostname } = new URL(server_url);
    if (!dns.magic_dns || hostname === dns.base_domain || !isWithinDomain(hostname, dns.base_domain))
      return undefined;
    return warning(
      ["dns.base_domain", "server_url"],
      `the host of server_url (${hostname}) is below it: clients ask MagicDNS for it once they joined`,
      "a base domain beside it is safer",
    );
  },
  ({ dns }) =>
    dns.magic_dns && dns.base_domain === ""
      ? error(
          ["dns.base_domain", "dns.magic_dns"],
          "is needed for MagicDNS",
          "name a domain, or set dns.magic_dns to false",
        )
      : undefined,
  ({ dns }, overrideAsked) =>
    overrideAsked && dns.nameservers.global.length === 0
      ? error(
          ["dns.override_local_dns", "dns.nameservers.global"],
          "needs global nameservers, else clients resolve nothing",
          "set dns.nameservers.global, or leave it out",
        )
      : undefined,
  ({ dns }) =>
    dns.extra_records.length > 0 && dns.extra_records_path !== ""
      ? error(
          ["dns.extra_records_path", "dns.extra_records"],
          "cannot stand beside dns.extra_records",
          "keep one of the two",
        )
      : undefined,
  ({ prefixes }) =>
    prefixes.v4 === "" && prefixes.v6 === ""
      ? error(
          ["prefixes.v4", "prefixes.v6"],
          "nodes would get no address",
          "give prefixes.v4, prefixes.v6 or both",
        )
      : undefined,
  ({ prefixes: { v4 } }) =>
    v4 !== "" && !prefixWithin(v4, "100.64.0.0/10")
      ? warning(
          ["prefixes.v4"],
          "is outside 100.64.0.0/10",
          "clients drop or misroute such addresses in places",
        )
      : undefined,
  ({ prefixes: { v6 } }) =>
    v6 !== "" && !prefixWithin(v6, "fd7a:115c:a1e0::/48")
      ? warning(
          ["prefixes.v6"],
          "is outside fd7a:115c:a1e0::/48",
          "clients drop or misroute such addresses in places",
        )
      : undefined,
  ({ policy }) =>
    policy.mode === "file" && policy.path === ""
      ? error(["policy.path", "policy.mode"], "is needed when policy.mode is file", "name the policy file")
      : undefined,
  ({ policy }) =>
    policy.mode === "database" && policy.path !== ""
      ? warning(
          ["policy.path", "policy.mode"],
          "is not read while policy.mode is database",
          "set policy.mode to file, or remove the path and use `hydrascale policy set -f`",
        )
      : undefined,
  ({ tls_cert_path, tls_key_path }) => {
    if ((tls_cert_path === "") === (tls_key_path === "")) return undefined;
    const [missing, other] =
      tls_cert_path === "" ? ["tls_cert_path", "tls_key_path"] : ["tls_key_path", "tls_cert_path"];
    return error([missing, other], `is missing beside ${other}`, "give both or neither");
  },
  ({ derp }) => {
    const own = derp.server.enabled && derp.server.automatically_add_embedded_derp_region;
    if (own || derp.urls.length > 0 || derp.paths.length > 0) return undefined;
    return error(
      [
        "derp.server.enabled",
        "derp.server.automatically_add_embedded_derp_region",
        "derp.urls",
        "derp.paths",
      ],
      "there would be no relay region at all, and clients without one never come up",
      "switch the embedded relay on, or give derp.urls or derp.paths",
    );
  },
  ({ state_dir }) =>
    state_dir === ""
      ? error(["state_dir"], "must not be empty", "name a folder, for example ./data")
      : undefined,
  ({ unix_socket }) =>
    Buffer.byteLength(unix_socket) > maxSocketPath
      ? error(
          ["unix_socket"],
          `is longer than the ${maxSocketPath} bytes that the system allows for a socket`,
          "set unix_socket to a short path, for example in /run",
        )
      : undefined,
];

function* resolverWarnings(config: Config): Generator<Finding> {
  const { global, split } = config.dns.nameservers;
  for (const address of global) {
    const text = resolverWarning(address);
    if (text !== undefined)
      yield warning(["dns.nameservers.global"], text, "give an address that answers plain DNS");
  }
  for (const list of Object.values(split)) {
    for (const address of list) {
      const text = resolverWarning(address);
      if (text !== undefined)
        yield warning(["dns.nameservers.split"], text, "give an address that answers plain DNS");
    }
  }
}

export function crossCheck(config: Config, overrideAsked: boolean): readonly Finding[] {
  const found = checks
    .map((check) => check(config, overrideAsked))
    .filter((finding) => finding !== undefined);
  return [...found, ...resolverWarnings(config)];
}
