// Response headers out: static entries and literals that nobody keeps. Without a dynamic table there is no state to
// lose, and equal responses are equal bytes.

import { staticTable } from "./static-table.ts";

const nameIndex = new Map<string, number>();
const statusIndex = new Map<string, number>();
for (const [i, [name, value]] of staticTable.entries()) {
  if (!nameIndex.has(name)) nameIndex.set(name, i + 1);
  if (name === ":status") statusIndex.set(value, i + 1);
}

const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// oxlint-disable-next-line no-control-regex -- what a value must not contain is what this looks for
const notAValue = /[\0\r\n]|^[ \t]|[ \t]$|[^\0-\xff]/;
/** Fields of HTTP/1's connection: a client rejects a response that has one. */
export const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Says that our dynamic table is empty from now on: due when the peer lowers its limit (RFC 7541, 4.2). */
export const emptyTable = Buffer.from([0x20]);

/** Throws on a header that no client would accept: a mistake of whoever made the response. */
export function encodeHead(status: number, headers: Readonly<Record<string, string>>): Buffer {
  if (!Number.isInteger(status) || status < 200 || status > 999)
    throw new RangeError(`response: status ${status} is not a final one`);
  const out: number[] = [];
  const indexed = statusIndex.get(String(status));
  if (indexed === undefined) literal(out, ":status", String(status));
  else out.push(0x80 | indexed);
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase();
    if (!fieldName.test(name) || connectionFields.has(name) || notAValue.test(value))
      throw new TypeError(`response: header ${JSON.stringify(name)} cannot be sent`);
    literal(out, name, value);
  }
  return Buffer.from(out);
}

/** 6.2.2: literal without indexing. */
function literal(out: number[], name: string, value: string): void {
  const index = nameIndex.get(name) ?? 0;
  integer(out, 0, 4, index);
  if (index === 0) text(out, name);
  text(out, value);
}

function text(out: number[], value: string): void {
  integer(out, 0, 7, value.length);
  for (let i = 0; i < value.length; i++) out.push(value.charCodeAt(i));
}

function integer(out: number[], pattern: number, bits: number, value: number): void {
  const mask = (1 << bits) - 1;
  if (value < mask) {
    out.push(pattern | value);
    return;
  }
  out.push(pattern | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
}
