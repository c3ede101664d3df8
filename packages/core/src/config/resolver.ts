// Resolver addresses for clients. They take IP addresses (with a port or without), DNS over HTTPS of providers that
// they know, and `http://` on an address (DNS over HTTPS inside the tailnet). Everything else they drop silently, so it is refused here.

import { err, ok, type Result } from "../lib/result.ts";
import { isAddress, isV6 } from "./address.ts";

/** Hosts for which clients have a table from DNS over HTTPS to addresses. */
const knownProviders = [
  "dns.google",
  "cloudflare-dns.com",
  "security.cloudflare-dns.com",
  "family.cloudflare-dns.com",
  "dns.quad9.net",
  "dns10.quad9.net",
  "dns11.quad9.net",
  "dns.mullvad.net",
  "adblock.dns.mullvad.net",
  "base.dns.mullvad.net",
  "extended.dns.mullvad.net",
  "family.dns.mullvad.net",
  "all.dns.mullvad.net",
  "wikimedia-dns.org",
  "dns.nextdns.io",
  "dns.controld.com",
  "freedns.controld.com",
];

function checkUrl(text: string): Result<string, string> {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return err("is not a URL");
  }
  if (url.username !== "" || url.password !== "") return err("must not carry a user name or password");
  if (url.protocol === "https:") return ok(text);
  if (url.protocol === "http:") {
    if (isAddress(url.hostname.replace(/^\[|\]$/g, ""))) return ok(text);
    return err("plain http is for an address inside the tailnet, such as http://100.64.0.7:8053/dns-query");
  }
  return err(`${url.protocol}// is not understood by clients; use an IP address or https://`);
}

/** The address as it goes to clients, or why they could not use it. */
export function checkResolver(text: string): Result<string, string> {
  if (isAddress(text)) return ok(text);
  if (text.includes("://")) return checkUrl(text);
  const withPort = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (withPort !== null) {
    const host = withPort[1] ?? withPort[2] ?? "";
    const port = Number(withPort[3]);
    if (isAddress(host) && (withPort[1] === undefined || isV6(host)) && port > 0 && port < 65536)
      return ok(text);
  }
  return err("must be an IP address, address:port or an https:// resolver");
}

/** What clients of today's releases will not use although its form is right; undefined = fine. */
export function resolverWarning(text: string): string | undefined {
  if (!text.startsWith("https://")) return undefined;
  const host = new URL(text).hostname;
  if (knownProviders.includes(host)) return undefined;
  return `clients speak DNS over HTTPS only with providers that they know (NextDNS, Control D, Cloudflare, Google, Quad9, Mullvad, …); ${host} is none of these, and their queries to it fail`;
}
