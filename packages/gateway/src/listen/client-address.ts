// Where a request comes from: the socket's address, or what a trusted proxy says of it.

import { BlockList, isIP } from "node:net";
import type { IncomingMessage } from "node:http";

const lists = new WeakMap<readonly string[], BlockList>();

function listOf(prefixes: readonly string[]): BlockList {
  const known = lists.get(prefixes);
  if (known !== undefined) return known;
  const list = new BlockList();
  for (const prefix of prefixes) {
    const [address = "", bits = ""] = prefix.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  lists.set(prefixes, list);
  return list;
}

const plain = (address: string): string =>
  address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
const isTrusted = (address: string, list: BlockList): boolean =>
  list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

/**
 * The nearest address that no trusted proxy vouches for. Proxies append to X-Forwarded-For, so what a client wrote
 * there itself stands further off; the headers with one address are passed on as they came by a proxy that does not
 * know them, so they count only without that list.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: readonly string[]): string {
  const peer = plain(request.socket.remoteAddress ?? "");
  if (trustedProxies.length === 0 || isIP(peer) === 0) return peer;
  const list = listOf(trustedProxies);
  if (!isTrusted(peer, list)) return peer;
  const forwarded = headerOf(request, "x-forwarded-for") ?? "";
  if (forwarded !== "") return nearest(forwarded, list) ?? peer;
  const single = plain(headerOf(request, "x-real-ip") ?? headerOf(request, "true-client-ip") ?? "");
  return isIP(single) === 0 ? peer : single;
}

/** undefined: every hop is trusted, or one is no address. */
function nearest(forwarded: string, trusted: BlockList): string | undefined {
  const hops = forwarded.split(",").map((hop) => plain(hop.trim()));
  for (const hop of hops.reverse()) {
    if (isIP(hop) === 0) return undefined;
    if (!isTrusted(hop, trusted)) return hop;
  }
  return undefined;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value.trim() : undefined;
}
