// Takes DERP frames out of a byte stream, however it is cut. Memory grows with the bytes that arrived, never with
// the length that a header announces; types that nobody reads are passed over without being stored.
import { headerLength, maxFrame, type PayloadLimits } from "./frames.ts";

export class DerpError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DerpError";
  }
}

export interface DerpFrame {
  readonly type: number;
  /** May be a view of the chunk that was pushed: copy what must live longer. */
  readonly payload: Uint8Array;
}

const nothing = new Uint8Array(0);

export class DerpParser {
  readonly #reads: ReadonlyMap<number, PayloadLimits>;
  #chunk: Uint8Array = nothing;
  #at = 0;
  readonly #header = new Uint8Array(headerLength);
  #headerHas = 0;
  /** Payload bytes of the current frame that have not been taken from chunks yet. */
  #missing = 0;
  #skipping = false;
  /** What has come of a payload that did not fit into one chunk; doubles as it fills. */
  #body: Uint8Array = nothing;
  #bodyHas = 0;
  #failed: DerpError | undefined;

  constructor(reads: ReadonlyMap<number, PayloadLimits>) {
    this.#reads = reads;
  }

  /** Adds bytes. The chunk must not change until `next` has answered undefined. */
  push(chunk: Uint8Array): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#at = 0;
    if (rest.length === 0) {
      // A plain view: `slice` of a Buffer would not copy, and whoever copies a payload relies on it.
      this.#chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      return;
    }
    this.#chunk = new Uint8Array(rest.length + chunk.length);
    this.#chunk.set(rest);
    this.#chunk.set(chunk, rest.length);
  }

  /** The next whole frame, or undefined when more bytes are needed. Throws DerpError, and from then on always. */
  next(): DerpFrame | undefined {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      return this.#next();
    } catch (cause) {
      this.#drained();
      this.#body = nothing;
      if (cause instanceof DerpError) this.#failed = cause;
      throw cause;
    }
  }

  #next(): DerpFrame | undefined {
    for (;;) {
      if (this.#headerHas < headerLength && !this.#readHeader()) return undefined;
      if (this.#skipping) {
        const skipped = Math.min(this.#missing, this.#chunk.length - this.#at);
        this.#at += skipped;
        this.#missing -= skipped;
        if (this.#missing > 0) return this.#drained();
        this.#headerHas = 0;
        continue;
      }
      const payload = this.#readPayload();
      if (payload === undefined) return this.#drained();
      this.#headerHas = 0;
      return { type: this.#header[0] ?? 0, payload };
    }
  }

  #drained(): undefined {
    this.#chunk = nothing;
    this.#at = 0;
    return undefined;
  }

  #readHeader(): boolean {
    while (this.#headerHas < headerLength) {
      const byte = this.#chunk[this.#at];
      if (byte === undefined) {
        this.#drained();
        return false;
      }
      this.#header[this.#headerHas++] = byte;
      this.#at++;
    }
    const type = this.#header[0] ?? 0;
    const length = new DataView(this.#header.buffer).getUint32(1);
    this.#skipping = !checkLength(this.#reads.get(type), type, length);
    this.#missing = length;
    this.#bodyHas = 0;
    return true;
  }

  #readPayload(): Uint8Array | undefined {
    const available = this.#chunk.length - this.#at;
    if (this.#bodyHas === 0 && available >= this.#missing) {
      const payload = this.#chunk.subarray(this.#at, this.#at + this.#missing);
      this.#at += this.#missing;
      return payload;
    }
    const take = Math.min(available, this.#missing);
    this.#store(this.#chunk.subarray(this.#at, this.#at + take));
    this.#at += take;
    this.#missing -= take;
    if (this.#missing > 0) return undefined;
    const payload = this.#body.subarray(0, this.#bodyHas);
    this.#body = nothing;
    return payload;
  }

  #store(bytes: Uint8Array): void {
    const need = this.#bodyHas + bytes.length;
    if (need > this.#body.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#bodyHas));
      grown.set(this.#body.subarray(0, this.#bodyHas));
      this.#body = grown;
    }
    this.#body.set(bytes, this.#bodyHas);
    this.#bodyHas = need;
  }
}

/** true: read it, false: skip it. */
function checkLength(limits: PayloadLimits | undefined, type: number, length: number): boolean {
  const max = limits?.max ?? maxFrame;
  if (length > max) throw new DerpError(`frame ${type}: ${length} bytes exceed the limit of ${max}`);
  if (limits !== undefined && length < limits.min)
    throw new DerpError(`frame ${type}: ${length} bytes are fewer than the ${limits.min} it needs`);
  return limits !== undefined;
}
