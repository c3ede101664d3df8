// Transport records (protocol 2.4): a byte stream cut into frames of at most 4096 bytes, sealed one by one.
// The nonce is a BIG-endian counter, unlike in Noise's own transport mode. Any failure is final for the connection.

import { NONCE_BYTES, TAG_BYTES } from "../../crypto/suite.ts";
import type { Aead, Suite } from "../../crypto/suite.ts";
import { view } from "../../lib/bytes.ts";
import {
  HEADER_BYTES,
  MAX_CIPHERTEXT_BYTES,
  MAX_FRAME_BYTES,
  MAX_PLAINTEXT_BYTES,
  NoiseError,
  TYPE_RECORD,
  readHeader,
  writeHeader,
} from "./messages.ts";

/** The counter of one direction: 0000 0000 and a uint64 BE, never the same twice. */
class Nonce {
  private readonly bytes = Buffer.alloc(NONCE_BYTES);
  private counter = 0;

  next(): Uint8Array {
    // 2^53 records are 3.6e19 bytes: a limit that is safe to state, not one that is reached.
    if (this.counter >= Number.MAX_SAFE_INTEGER) throw new NoiseError("record counter exhausted");
    this.bytes.writeUInt32BE(Math.floor(this.counter / 2 ** 32), 4);
    this.bytes.writeUInt32BE(this.counter % 2 ** 32, 8);
    this.counter++;
    return this.bytes;
  }
}

export class RecordSealer {
  private readonly aead: Aead;
  private readonly nonce = new Nonce();

  constructor(suite: Suite, key: Uint8Array) {
    this.aead = suite.aead(key);
  }

  /** Whole frames for `plain`, in one buffer; an empty `plain` gives one empty record. */
  seal(plain: Uint8Array): Uint8Array {
    const frames = Math.max(1, Math.ceil(plain.length / MAX_PLAINTEXT_BYTES));
    const out = Buffer.allocUnsafe(plain.length + frames * (HEADER_BYTES + TAG_BYTES));
    let at = 0;
    for (let from = 0; from === 0 || from < plain.length; from += MAX_PLAINTEXT_BYTES) {
      const part = plain.subarray(from, from + MAX_PLAINTEXT_BYTES);
      writeHeader(out, at, TYPE_RECORD, part.length + TAG_BYTES);
      this.aead.sealInto(this.nonce.next(), part, out, at + HEADER_BYTES);
      at += HEADER_BYTES + part.length + TAG_BYTES;
    }
    return out;
  }
}

const nothing = new Uint8Array(0);

export class RecordOpener {
  private readonly aead: Aead;
  private readonly nonce = new Nonce();
  /** Start of a frame whose rest has not come; a copy, since chunks belong to whoever read them. */
  private readonly partial = Buffer.alloc(MAX_FRAME_BYTES);
  private held = 0;
  private failure: NoiseError | undefined;

  constructor(suite: Suite, key: Uint8Array) {
    this.aead = suite.aead(key);
  }

  /** Plaintexts of the frames that `chunk` completes; empty records give none. However it is cut, the bytes are the same. */
  push(chunk: Uint8Array): Uint8Array[] {
    if (this.failure !== undefined) throw this.failure;
    const plains: Uint8Array[] = [];
    let at = this.held > 0 ? this.fill(chunk, plains) : 0;
    while (chunk.length - at >= HEADER_BYTES) {
      const size = this.frameBytes(chunk, at);
      if (chunk.length - at < size) break;
      this.open(chunk.subarray(at + HEADER_BYTES, at + size), plains);
      at += size;
    }
    if (at < chunk.length) this.hold(chunk.subarray(at));
    return plains;
  }

  /** Completes the held frame with the front of `chunk`; answers how much of it was taken. */
  private fill(chunk: Uint8Array, plains: Uint8Array[]): number {
    let taken = 0;
    while (this.held > 0 && taken < chunk.length) {
      const size = this.held < HEADER_BYTES ? HEADER_BYTES : this.frameBytes(this.partial, 0);
      const part = chunk.subarray(taken, taken + size - this.held);
      this.hold(part);
      taken += part.length;
      if (this.held < HEADER_BYTES || this.held < this.frameBytes(this.partial, 0)) continue;
      this.open(this.partial.subarray(HEADER_BYTES, this.held), plains);
      this.held = 0;
    }
    return taken;
  }

  private hold(bytes: Uint8Array): void {
    this.partial.set(bytes, this.held);
    this.held += bytes.length;
  }

  private frameBytes(bytes: Uint8Array, at: number): number {
    const { type, length } = readHeader(bytes, at);
    if (type !== TYPE_RECORD) throw this.fail(`frame type ${type} instead of ${TYPE_RECORD}`);
    if (length < TAG_BYTES || length > MAX_CIPHERTEXT_BYTES) throw this.fail(`record of ${length} bytes`);
    return HEADER_BYTES + length;
  }

  private open(sealed: Uint8Array, plains: Uint8Array[]): void {
    const plain = this.aead.open(this.nonce.next(), sealed, nothing);
    if (plain === undefined) throw this.fail("record not authentic");
    if (plain.length > 0) plains.push(view(plain));
  }

  private fail(text: string): NoiseError {
    this.held = 0;
    this.failure = new NoiseError(text);
    return this.failure;
  }
}
