// The other end of a connection under test: a transport that is fed by hand and collects what is written, and frames
// as a client would make them.

import { Duplex } from "node:stream";
import type { Clock } from "@hydrascale/core/lib/clock";
import { frame, frameType } from "../frame.ts";

type Done = (error?: Error | null) => void;

export class FakeTransport extends Duplex {
  /** false: what is written waits, like with a peer that does not read. */
  open = true;
  writes = 0;
  private readonly out: Buffer[] = [];
  private waiting: Done | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.writes++;
    this.out.push(Buffer.from(chunk));
    if (this.open) done();
    else this.waiting = done;
  }

  override _destroy(error: Error | null, done: Done): void {
    done(error);
  }

  /** Bytes from the peer, delivered at once. */
  feed(bytes: Buffer): void {
    if (!this.destroyed) this.emit("data", bytes);
  }

  reopen(): void {
    this.open = true;
    const done = this.waiting;
    this.waiting = undefined;
    done?.();
  }

  get output(): Buffer {
    return Buffer.concat(this.out);
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** Throws on what is no row of whole frames. */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error("torn frame");
    const [type, flags] = [bytes[at + 3] ?? 0, bytes[at + 4] ?? 0];
    frames.push({ type, flags, id: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

export const opening = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(frameType.settings, 0, 0),
]);

export const word = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
};

export const settings = (...pairs: (readonly [id: number, value: number])[]): Buffer =>
  frame(
    frameType.settings,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), word(value)]))),
  );

const literal = (name: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value, "latin1")]);

/** A header block without the table: method by index (2 GET, 3 POST), https, path, authority x. */
export const requestBlock = (path = "/", method = 3): Buffer =>
  Buffer.concat([Buffer.from([0x80 | method, 0x87]), literal(0x04, path), literal(0x01, "x")]);

export const headBlock = Buffer.concat([literal(0x02, "HEAD"), Buffer.from([0x84, 0x87])]);

export const contentLength = (bytes: number): Buffer =>
  Buffer.concat([Buffer.from([0x0f, 0x0d]), literal(0, String(bytes)).subarray(1)]);

/** Time that passes by hand; knows what is still due. */
export class HandClock implements Clock {
  private time = 0;
  private readonly due = new Set<{ readonly at: number; readonly run: () => void }>();

  get pending(): number {
    return this.due.size;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run };
    this.due.add(timer);
    return () => void this.due.delete(timer);
  }

  pass(ms: number): void {
    this.time += ms;
    for (const timer of [...this.due].filter((t) => t.at <= this.time))
      if (this.due.delete(timer)) timer.run();
  }
}
