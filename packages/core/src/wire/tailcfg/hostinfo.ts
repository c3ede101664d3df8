// Hostinfo (protocol 8.2, 8.3): what a client says about itself, and what of it is kept. Everything a client sends
// here may reach every other node, so every part has a bound.

import type { HostFacts } from "../../domain/host.ts";
import type { Service } from "../../domain/live/events.ts";
import { cleanText } from "../../lib/bytes.ts";
import {
  comparePrefix,
  formatAddrPort,
  formatPrefix,
  masked,
  parseAddrPort,
  parsePrefix,
} from "../../lib/ip.ts";
import type { Prefix } from "../../lib/ip.ts";

export interface Location {
  readonly Country?: string;
  readonly CountryCode?: string;
  readonly City?: string;
  readonly CityCode?: string;
  readonly Latitude?: number;
  readonly Longitude?: number;
  readonly Priority?: number; // ≥ 119
}

export interface NetInfo {
  readonly PreferredDERP?: number; // home region; 0 = none
}

/** ∅ and zero are the same in every field. Only what is kept or relayed; clients send more. */
export interface Hostinfo {
  readonly IPNVersion?: string;
  readonly OS?: string;
  readonly OSVersion?: string;
  readonly Distro?: string;
  readonly DeviceModel?: string;
  readonly Hostname?: string;
  readonly ShieldsUp?: boolean;
  readonly ShareeNode?: boolean;
  readonly AllowsUpdate?: boolean;
  readonly WireIngress?: boolean;
  readonly IngressEnabled?: boolean; // ≥ 113
  readonly AppConnector?: boolean; // opt.Bool
  readonly RoutableIPs?: readonly string[];
  readonly RequestTags?: readonly string[];
  readonly Services?: readonly Service[];
  readonly NetInfo?: NetInfo;
  readonly sshHostKeys?: readonly string[];
  readonly ServicesHash?: string;
  readonly Location?: Location;
}

export const hostBounds = {
  hostnameBytes: 255,
  textBytes: 255,
  sshKeyBytes: 4096,
  sshKeys: 16,
  routes: 1000,
  tags: 64,
  services: 64,
  endpoints: 100,
} as const;

export interface HostCut {
  readonly host: HostFacts;
  /** Masked, sorted, each once. */
  readonly routes: string[];
  /** As asked, each once. */
  readonly requestTags: string[];
}

type Drop<T> = { [K in keyof T]?: T[K] | undefined };

/** Without the keys that hold undefined, "", false or nothing: those mean the same as their absence. */
const compact = <T extends object>(from: Drop<T>): T => {
  const kept = Object.entries(from).filter(
    ([, value]) => value !== undefined && value !== "" && value !== false && !isEmptyList(value),
  );
  return Object.fromEntries(kept) as T; // only optional keys were removed: every field of T is optional here
};

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const text = (value: string | undefined, bytes: number = hostBounds.textBytes): string | undefined =>
  value === undefined ? undefined : cleanText(value, bytes);

const location = (from: Location | undefined): Record<string, string | number> | undefined => {
  if (from === undefined) return undefined;
  const out: Record<string, string | number> = {};
  for (const name of ["Country", "CountryCode", "City", "CityCode"] as const) {
    const value = text(from[name]);
    if (value !== undefined && value !== "") out[name] = value;
  }
  for (const name of ["Latitude", "Longitude", "Priority"] as const) {
    const value = from[name];
    if (value !== undefined && value !== 0 && Number.isFinite(value)) out[name] = value;
  }
  return Object.keys(out).length === 0 ? undefined : out;
};

/** The part that decisions and other nodes need. */
export const hostFacts = (info: Hostinfo): HostCut => ({
  host: compact<HostFacts>({
    OS: text(info.OS),
    OSVersion: text(info.OSVersion),
    IPNVersion: text(info.IPNVersion),
    Hostname: text(info.Hostname, hostBounds.hostnameBytes),
    ShieldsUp: info.ShieldsUp,
    ShareeNode: info.ShareeNode,
    sshHostKeys: info.sshHostKeys
      ?.slice(0, hostBounds.sshKeys)
      .map((key) => cleanText(key, hostBounds.sshKeyBytes))
      .filter((key) => key !== ""),
    AppConnector: info.AppConnector,
    Location: location(info.Location),
    DeviceModel: text(info.DeviceModel),
    Distro: text(info.Distro),
    IngressEnabled: info.IngressEnabled,
    WireIngress: info.WireIngress,
    ServicesHash: text(info.ServicesHash),
    AllowsUpdate: info.AllowsUpdate,
  }),
  routes: boundRoutes(info.RoutableIPs ?? []),
  requestTags: [
    ...new Set(
      (info.RequestTags ?? []).slice(0, hostBounds.tags).map((tag) => cleanText(tag, hostBounds.textBytes)),
    ),
  ].filter((tag) => tag !== ""),
});

/** The first 1,000 that are prefixes, masked, sorted, each once. */
export const boundRoutes = (list: readonly string[]): string[] => {
  const prefixes = list
    .slice(0, hostBounds.routes)
    .map((route) => parsePrefix(route))
    .filter((prefix): prefix is Prefix => prefix !== undefined);
  return [...new Set(prefixes.map(masked).sort(comparePrefix).map(formatPrefix))];
};

/** The first 100 that are `ip:port`, in canonical text, each once, in the client's order. */
export const boundEndpoints = (list: readonly string[]): string[] => {
  const out = new Set<string>();
  for (const endpoint of list.slice(0, hostBounds.endpoints)) {
    const parsed = parseAddrPort(endpoint);
    if (parsed !== undefined) out.add(formatAddrPort(parsed));
  }
  return [...out];
};

/** The first 64 services. */
export const boundServices = (list: readonly Service[]): Service[] =>
  list.slice(0, hostBounds.services).map((service) => {
    const description = cleanText(service.Description ?? "", hostBounds.textBytes);
    const proto = cleanText(service.Proto, 32);
    return { Proto: proto, Port: service.Port, ...(description === "" ? {} : { Description: description }) };
  });

/** Home relay region; undefined when the client did not say (keep the old one), 0 when it has none or said nonsense. */
export const homeRegion = (info: Hostinfo): number | undefined => {
  if (info.NetInfo === undefined) return undefined;
  const region = info.NetInfo.PreferredDERP ?? 0;
  return region >= 0 && region <= 65_535 ? region : 0;
};
