// Protocols and ports as rules write them.

import { allPorts } from "./compiled.ts";
import type { PortRange } from "./compiled.ts";

const protocolNames: Readonly<Record<string, readonly number[]>> = {
  icmp: [1, 58], // the same thing in both families
  igmp: [2],
  ipv4: [4],
  "ip-in-ip": [4],
  tcp: [6],
  egp: [8],
  igp: [9],
  udp: [17],
  gre: [47],
  esp: [50],
  ah: [51],
  "ipv6-icmp": [58],
  sctp: [132],
  fc: [133],
};
const withPorts = new Set([6, 17, 132]);

/** IP protocol numbers; a string says what is wrong. "" and absent mean the usual ones, []. */
export function parseProtocol(text: string | undefined): readonly number[] | string {
  if (text === undefined || text === "") return [];
  const named = protocolNames[text.toLowerCase()];
  if (named !== undefined) return named;
  if (text === "*") return '"*" is no protocol: leave proto out for TCP, UDP and ICMP';
  if (/^(?:0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= 255)
    return Number(text) === 1 ? [1, 58] : [Number(text)];
  return `${JSON.stringify(text.slice(0, 40))} is no protocol name and no number from 0 to 255`;
}

/** True for none too: what is meant then has ports. */
export const hasPorts = (protocols: readonly number[]): boolean => protocols.every((p) => withPorts.has(p));

/** `*`, `80`, `1-5` and lists of these; a string says what is wrong. */
export function parsePorts(text: string): readonly PortRange[] | string {
  if (text === "*") return [allPorts];
  const ranges: PortRange[] = [];
  for (const item of text.split(",")) {
    const match = /^([0-9]{1,6})(?:-([0-9]{1,6}))?$/.exec(item.trim());
    if (match === null) return `${JSON.stringify(item.slice(0, 40))} is no port, range of ports or "*"`;
    const First = Number(match[1]);
    const Last = Number(match[2] ?? match[1]);
    if (First === 0) return 'port 0 does not exist; any port is "*"';
    if (Last > 65535 || First > 65535) return `port ${Math.max(First, Last)} is above 65535`;
    if (First > Last) return `range ${First}-${Last} ends before it begins`;
    ranges.push({ First, Last });
  }
  return ranges;
}
