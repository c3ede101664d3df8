// Frames of the control base protocol (protocol 2.2): constants and headers, no cryptography.

import { view } from "../../lib/bytes.ts";

export const PROTOCOL_NAME = "Noise_IK_25519_ChaChaPoly_BLAKE2s"; // 33 B: hashed, since > 32
export const PROLOGUE = "Tailscale Control Protocol v"; // + decimal version

export const TYPE_INITIATION = 0x01; // version(2,BE) 01 0060 e(32) s(32+16) tag(16)
export const TYPE_RESPONSE = 0x02; // 02 0030 e(32) tag(16)
export const TYPE_ERROR = 0x03; // 03 length(2,BE) UTF-8 text
export const TYPE_RECORD = 0x04; // 04 length(2,BE) ciphertext(length)

export const HEADER_BYTES = 3; // type(1) length(2,BE), which counts what follows
export const INITIATION_HEADER_BYTES = 5; // version(2,BE) type(1) length(2,BE)
export const INITIATION_BODY_BYTES = 96;
export const INITIATION_BYTES = 101;
export const RESPONSE_BODY_BYTES = 48;
export const RESPONSE_BYTES = 51;

export const MAX_FRAME_BYTES = 4096;
export const MAX_CIPHERTEXT_BYTES = 4093; // frame − header
export const MAX_PLAINTEXT_BYTES = 4077; // ciphertext − tag

/** The peer broke the protocol of this layer; the connection is finished. */
export class NoiseError extends Error {
  override readonly name = "NoiseError";
}

export interface FrameHeader {
  readonly type: number;
  readonly length: number;
}

/** Header at `at`; the caller has made sure that three bytes are there. */
export const readHeader = (bytes: Uint8Array, at = 0): FrameHeader => ({
  type: bytes[at] ?? 0,
  length: ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0),
});

export const writeHeader = (out: Uint8Array, at: number, type: number, length: number): void => {
  out[at] = type;
  out[at + 1] = length >> 8;
  out[at + 2] = length & 0xff;
};

/** Unauthenticated refusal of a bad initiation; clients log the text. Only legal before the response. */
export const errorFrame = (text: string): Uint8Array => {
  const body = view(new TextEncoder().encode(text)).subarray(0, MAX_CIPHERTEXT_BYTES);
  const out = new Uint8Array(HEADER_BYTES + body.length);
  writeHeader(out, 0, TYPE_ERROR, body.length);
  out.set(body, HEADER_BYTES);
  return out;
};
