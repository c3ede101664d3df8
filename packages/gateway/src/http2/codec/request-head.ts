// From a header list to the head of a request (RFC 9113, 8.2 and 8.3), or nothing when it is malformed.

import { connectionFields } from "./hpack-encode.ts";
import type { Field } from "./static-table.ts";

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As announced by content-length. */
  readonly length: number | undefined;
}

const methodToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// oxlint-disable-next-line no-control-regex -- what a value must not contain is what this looks for
const notAValue = /[\0\r\n]|^[ \t]|[ \t]$/;
const digits = /^\d{1,15}$/;

const pseudoFields: ReadonlySet<string> = new Set([":method", ":path", ":scheme", ":authority"]);

export function readHead(fields: readonly Field[]): RequestHead | undefined {
  const pseudo = new Map<string, string>();
  // Names come from the peer: an object without a prototype has none to confuse them with.
  const headers = Object.create(null) as Record<string, string>;
  let regular = false;
  for (const [name, value] of fields) {
    if (notAValue.test(value)) return undefined;
    if (name.startsWith(":")) {
      if (regular || !pseudoFields.has(name) || pseudo.has(name)) return undefined;
      pseudo.set(name, value);
      continue;
    }
    regular = true;
    if (!isField(name, value)) return undefined;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (name === "content-length") return undefined;
    else headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  const method = pseudo.get(":method") ?? "";
  const path = pseudo.get(":path") ?? "";
  if (!methodToken.test(method) || method === "CONNECT" || !pseudo.get(":scheme")) return undefined;
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return undefined;
  const announced = headers["content-length"];
  if (announced !== undefined && !digits.test(announced)) return undefined;
  return { method, path, headers, length: announced === undefined ? undefined : Number(announced) };
}

/** Trailers mean nothing to us, but malformed ones make the request malformed. */
export const trailersOk = (fields: readonly Field[]): boolean =>
  fields.every(([name, value]) => isField(name, value) && !notAValue.test(value));

const isField = (name: string, value: string): boolean =>
  fieldName.test(name) && !connectionFields.has(name) && (name !== "te" || value === "trailers");
