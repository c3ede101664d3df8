// Bytes: strict hex, comparison, joining, and text that is safe to store. Nothing here knows what the bytes mean.

import { timingSafeEqual } from "node:crypto";

const hexPattern = /^(?:[0-9a-fA-F]{2})*$/;

/** Lower-case hex. */
export const toHex = (bytes: Uint8Array): string => view(bytes).toString("hex");

/** undefined unless `text` is an even number of hex digits (either case). Buffer's own decoder stops silently. */
export const fromHex = (text: string): Uint8Array | undefined =>
  hexPattern.test(text) ? new Uint8Array(Buffer.from(text, "hex")) : undefined;

/** Same bytes as a Buffer, without a copy. */
export const view = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Takes the same time whatever the contents; lengths are not secret. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

export const isZero = (bytes: Uint8Array): boolean => {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** undefined when the bytes are not valid UTF-8. */
export const fromUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
};

/**
 * Text that may be stored and relayed: no NUL, nothing that was or would become invalid UTF-8 (lone surrogates, the
 * replacement character), at most `maxBytes` of UTF-8, cut between characters.
 */
export const cleanText = (text: string, maxBytes: number): string => {
  let out = "";
  let size = 0;
  // A string of n UTF-16 units has at least n bytes, but what is removed does not count: look at twice the bound at most.
  for (const char of text.slice(0, maxBytes * 2 + 2)) {
    const point = char.codePointAt(0) ?? 0;
    if (point === 0 || point === 0xfffd || (point >= 0xd800 && point <= 0xdfff)) continue;
    size += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (size > maxBytes) break;
    out += char;
  }
  return out;
};
