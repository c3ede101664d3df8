// DNSConfig from the tailnet's settings (protocol 8.6). The same for everyone, unless a NextDNS resolver is told the
// device's name, model and address.

import type { DnsSettings } from "../domain/directory/settings.ts";
import type { DNSConfig, Resolver } from "../wire/tailcfg/dns.ts";
import type { NodeView } from "./view.ts";

const NEXT_DNS = "https://dns.nextdns.io/";

const isNextDns = (address: string): boolean => address.startsWith(NEXT_DNS);

/** The answer differs between devices. */
export const perDevice = (dns: DnsSettings): boolean =>
  dns.nameservers.some(isNextDns) || Object.values(dns.split).some((list) => list.some(isNextDns));

export function dnsConfig(dns: DnsSettings, view: NodeView): DNSConfig {
  const resolvers = (list: readonly string[]): Resolver[] =>
    list.map((Addr) => ({ Addr: withDevice(Addr, view) }));
  const global = resolvers(dns.nameservers);
  const suffix = dns.magicDns && dns.baseDomain !== "" ? [dns.baseDomain] : [];
  return {
    Proxied: dns.magicDns,
    Domains: [...new Set([...suffix, ...dns.searchDomains])],
    Routes: Object.fromEntries(Object.entries(dns.split).map(([name, list]) => [name, resolvers(list)])),
    ExtraRecords: dns.extraRecords.map((r) => ({ Name: r.name, Type: r.type, Value: r.value })),
    ...(global.length === 0
      ? {}
      : dns.overrideLocalDns
        ? { Resolvers: global }
        : { FallbackResolvers: global }),
  };
}

function withDevice(address: string, view: NodeView): string {
  if (!isNextDns(address)) return address;
  const { node } = view.input;
  const query = new URLSearchParams();
  const [ip] = view.subject.addresses;
  if (ip !== undefined) query.set("device_ip", ip);
  query.set("device_model", node.host.DeviceModel ?? node.host.OS ?? "");
  query.set("device_name", node.name);
  return `${address}${address.includes("?") ? "&" : "?"}${query.toString()}`;
}
