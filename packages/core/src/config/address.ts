// Addresses as configuration writes them: listeners, URLs' hosts, prefixes, domain names. Text in, text out, checked.

import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { err, ok, type Result } from "../lib/result.ts";

export interface ListenAddress {
  /** Empty = every address of the machine. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `:port`, `[v6]:port`. Port 0 = any free one. */
export function parseListen(text: string): Result<ListenAddress, string> {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  if (match === null) return err("must be host:port, :port or [v6 address]:port");
  const port = Number(match[3]);
  if (port > 65535) return err("has a port above 65535");
  const v6 = match[1];
  if (v6 !== undefined && !isIPv6(v6)) return err("has no IPv6 address between its brackets");
  return ok({ host: v6 ?? match[2] ?? "", port });
}

export const formatListen = ({ host, port }: ListenAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

const privateRanges = new BlockList();
privateRanges.addSubnet("10.0.0.0", 8, "ipv4");
privateRanges.addSubnet("172.16.0.0", 12, "ipv4");
privateRanges.addSubnet("192.168.0.0", 16, "ipv4");
privateRanges.addSubnet("127.0.0.0", 8, "ipv4");
privateRanges.addSubnet("fc00::", 7, "ipv6");
privateRanges.addAddress("::1", "ipv6");

/** Hosts that clients dial over plain http alone: `localhost`, loopback, RFC 1918 and ULA literals. A name never is one. */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  if (bare.toLowerCase() === "localhost") return true;
  const family = isIP(bare);
  return family !== 0 && privateRanges.check(bare, family === 4 ? "ipv4" : "ipv6");
}

/** An address literal without zone. */
export const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes("%");
export const isV4 = (text: string): boolean => isIPv4(text);
export const isV6 = (text: string): boolean => isIPv6(text) && !text.includes("%");

function bits(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  // The URL parser writes any IPv6 spelling, embedded IPv4 included, as hex groups.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - front.length - back.length }, () => "0");
  return [...front, ...zeros, ...back].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** `address/bits` without host bits, as is; the reason otherwise. */
export function checkPrefix(text: string, family?: 4 | 6): Result<string, string> {
  const [address = "", length = "", more] = text.split("/");
  const kind = isAddress(address) ? isIP(address) : 0;
  if (kind === 0 || more !== undefined || !/^(0|[1-9]\d{0,2})$/.test(length))
    return err(`must be a prefix such as ${family === 6 ? "fd7a:115c:a1e0::/48" : "100.64.0.0/10"}`);
  const size = kind === 4 ? 32 : 128;
  if (Number(length) > size) return err(`has more than ${size} bits`);
  if (family !== undefined && kind !== family)
    return err(`is an IPv${kind} prefix where IPv${family} is meant`);
  const host = (1n << BigInt(size - Number(length))) - 1n;
  if ((bits(address) & host) !== 0n) return err(`has bits set beyond its length ${length}`);
  return ok(text.toLowerCase());
}

/** Is the whole of `inner` within `outer`? Both are checked prefixes of one family. */
export function prefixWithin(inner: string, outer: string): boolean {
  const [a = "", aLength = ""] = inner.split("/");
  const [b = "", bLength = ""] = outer.split("/");
  if (isIP(a) !== isIP(b) || Number(aLength) < Number(bLength)) return false;
  const shift = BigInt((isIP(a) === 4 ? 32 : 128) - Number(bLength));
  return bits(a) >> shift === bits(b) >> shift;
}

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A domain name in lower case without final dot, or why it is none. */
export function domainName(text: string): Result<string, string> {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name === "" || name.length > 253) return err("must be a domain name of 1 to 253 characters");
  for (const part of name.split(".")) {
    if (part === "") return err("has an empty label (two dots in a row, or one in front)");
    if (part.length > 63) return err("has a label of more than 63 characters");
    if (!label.test(part))
      return err(`has a label that is none: "${part}" (letters, digits and inner hyphens only)`);
  }
  return ok(name);
}

/** Is `name` equal to `domain` or below it? Both lower case, no final dot. */
export const isWithinDomain = (name: string, domain: string): boolean =>
  name === domain || name.endsWith(`.${domain}`);
