// IP addresses, prefixes and address-port pairs with the strictness of Go's netip, since Go clients read what is
// written here and throw a whole message away for one bad text: no leading zeros in IPv4, no host-order forms, one
// canonical print (RFC 5952). An IPv4-mapped IPv6 address is IPv6.

export type Family = 4 | 6;

export interface Addr {
  readonly family: Family;
  /** 32 or 128 bits, network order. */
  readonly value: bigint;
  /** IPv6 only, as in fe80::1%eth0. An address with a zone is in no prefix. */
  readonly zone?: string;
}

/** May have host bits, as read; see `masked`. */
export interface Prefix {
  readonly addr: Addr;
  readonly bits: number;
}

export interface AddrPort {
  readonly addr: Addr;
  readonly port: number;
}

export const familyBits = (family: Family): number => (family === 4 ? 32 : 128);

export const addr4 = (value: number): Addr => ({ family: 4, value: BigInt(value >>> 0) });
export const addr6 = (value: bigint): Addr => ({ family: 6, value });

const octet = /^(?:0|[1-9][0-9]{0,2})$/;

const parse4 = (text: string): number | undefined => {
  const parts = text.split(".", 5);
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!octet.test(part)) return undefined;
    const number = Number(part);
    if (number > 255) return undefined;
    value = value * 256 + number;
  }
  return value;
};

const zeroGroups = [0, 0, 0, 0, 0, 0, 0, 0];
const group = /^[0-9a-fA-F]{1,4}$/;

/** The 16-bit groups of one side of "::"; undefined when it is malformed. The last may be dotted IPv4. */
const parseGroups = (text: string, dottedAllowed: boolean): number[] | undefined => {
  if (text === "") return [];
  const parts = text.split(":", 9);
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (group.test(part)) groups.push(Number.parseInt(part, 16));
    else if (dottedAllowed && i === parts.length - 1) {
      const dotted = parse4(part);
      if (dotted === undefined) return undefined;
      groups.push(dotted >>> 16, dotted & 0xffff);
    } else return undefined;
  }
  return groups;
};

const parse6 = (text: string): bigint | undefined => {
  const gap = text.indexOf("::");
  let groups: number[];
  if (gap < 0) {
    const all = parseGroups(text, true);
    if (all?.length !== 8) return undefined;
    groups = all;
  } else {
    const head = parseGroups(text.slice(0, gap), false);
    const tail = parseGroups(text.slice(gap + 2), true);
    if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
    groups = [...head, ...zeroGroups.slice(head.length + tail.length), ...tail];
  }
  let value = 0n;
  for (const bits of groups) value = (value << 16n) | BigInt(bits);
  return value;
};

const MAX_TEXT = 128; // longer than any address, with room for a zone

export const parseAddr = (text: string): Addr | undefined => {
  if (text.length > MAX_TEXT) return undefined;
  const percent = text.indexOf("%");
  const plain = percent < 0 ? text : text.slice(0, percent);
  if (!plain.includes(":")) {
    const value = percent < 0 ? parse4(plain) : undefined;
    return value === undefined ? undefined : { family: 4, value: BigInt(value) };
  }
  const value = parse6(plain);
  if (value === undefined) return undefined;
  if (percent < 0) return { family: 6, value };
  const zone = text.slice(percent + 1);
  return zone === "" ? undefined : { family: 6, value, zone };
};

const format4 = (value: number): string =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

const format6 = (value: bigint): string => {
  if (value >> 32n === 0xffffn) return `::ffff:${format4(Number(value & 0xffffffffn))}`;
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  let gapAt = -1;
  let gapLength = 1; // one zero group alone is written out
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > gapLength) {
      gapAt = i;
      gapLength = end - i;
    }
    if (end > i) i = end - 1;
  }
  const hex = groups.map((bits) => bits.toString(16));
  if (gapAt < 0) return hex.join(":");
  return `${hex.slice(0, gapAt).join(":")}::${hex.slice(gapAt + gapLength).join(":")}`;
};

export const formatAddr = (addr: Addr): string => {
  if (addr.family === 4) return format4(Number(addr.value));
  return addr.zone === undefined ? format6(addr.value) : `${format6(addr.value)}%${addr.zone}`;
};

/** IPv4 before IPv6, then by value, then by zone. */
export const compareAddr = (a: Addr, b: Addr): number => {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  const [zoneA, zoneB] = [a.zone ?? "", b.zone ?? ""];
  return zoneA < zoneB ? -1 : zoneA > zoneB ? 1 : 0;
};

const length = /^(?:0|[1-9][0-9]{0,2})$/;

export const parsePrefix = (text: string): Prefix | undefined => {
  const slash = text.lastIndexOf("/");
  if (slash < 0) return undefined;
  const addr = parseAddr(text.slice(0, slash));
  const bitsText = text.slice(slash + 1);
  if (addr === undefined || addr.zone !== undefined || !length.test(bitsText)) return undefined;
  const bits = Number(bitsText);
  return bits > familyBits(addr.family) ? undefined : { addr, bits };
};

export const formatPrefix = (prefix: Prefix): string => `${formatAddr(prefix.addr)}/${prefix.bits}`;

const hostBits = (prefix: Prefix): bigint => BigInt(familyBits(prefix.addr.family) - prefix.bits);

/** The same prefix without host bits. */
export const masked = (prefix: Prefix): Prefix => {
  const host = hostBits(prefix);
  const value = (prefix.addr.value >> host) << host;
  return value === prefix.addr.value
    ? prefix
    : { addr: { family: prefix.addr.family, value }, bits: prefix.bits };
};

export const isMasked = (prefix: Prefix): boolean => masked(prefix) === prefix;

/** The address alone, as /32 or /128; its zone is dropped. */
export const hostPrefix = (addr: Addr): Prefix => ({
  addr: { family: addr.family, value: addr.value },
  bits: familyBits(addr.family),
});

export const firstValue = (prefix: Prefix): bigint => masked(prefix).addr.value;
export const lastValue = (prefix: Prefix): bigint =>
  masked(prefix).addr.value | ((1n << hostBits(prefix)) - 1n);

export const contains = (prefix: Prefix, addr: Addr): boolean => {
  if (prefix.addr.family !== addr.family || addr.zone !== undefined) return false;
  const host = hostBits(prefix);
  return prefix.addr.value >> host === addr.value >> host;
};

export const overlaps = (a: Prefix, b: Prefix): boolean => {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a];
  return contains(wide, narrow.addr);
};

/** By address, shorter prefix first. */
export const comparePrefix = (a: Prefix, b: Prefix): number => compareAddr(a.addr, b.addr) || a.bits - b.bits;

/** 0.0.0.0/0 or ::/0. */
export const isExitRoute = (prefix: Prefix): boolean => prefix.bits === 0;

export const parseAddrPort = (text: string): AddrPort | undefined => {
  const colon = text.lastIndexOf(":");
  const portText = text.slice(colon + 1);
  if (colon < 1 || !/^[0-9]{1,16}$/.test(portText)) return undefined;
  const host = text.slice(0, colon);
  const bracketed = host.startsWith("[") && host.endsWith("]");
  const addr = parseAddr(bracketed ? host.slice(1, -1) : host);
  const port = Number(portText);
  if (addr === undefined || port > 65_535 || bracketed !== (addr.family === 6)) return undefined;
  return { addr, port };
};

export const formatAddrPort = ({ addr, port }: AddrPort): string =>
  addr.family === 4 ? `${formatAddr(addr)}:${port}` : `[${formatAddr(addr)}]:${port}`;
