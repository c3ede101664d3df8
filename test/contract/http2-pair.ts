// Two ends of a connection in memory, with backpressure, and a count of the writes that one end makes.
// Delivery waits for a turn of its own, as a socket's does: node:http2 aborts the process ("is_reading_stopped") when
// data arrives inside its own write.

import { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/** Like a kernel's buffers, more than both HTTP/2 windows: node:http2 does not read while its own write waits. */
const bufferBytes = 1 << 20;

export class PairEnd extends Duplex {
  other: PairEnd | undefined;
  /** Chunks this end was given to write: what would be system calls. */
  writes = 0;
  /** Like a peer that is gone without a word: what is written stays underway for ever. */
  stuck = false;
  private waiting: Done | undefined;

  constructor() {
    super({ readableHighWaterMark: bufferBytes });
  }

  override _read(): void {
    const done = this.other?.waiting;
    if (this.other === undefined || done === undefined) return;
    this.other.waiting = undefined;
    done();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.writes++;
    this.send(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.writes++;
    this.send(Buffer.concat(chunks.map((c) => c.chunk)), done);
  }

  override _final(done: Done): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    const other = this.other;
    setImmediate(() => other?.destroy());
    done(error);
  }

  private send(chunk: Buffer, done: Done): void {
    const copy = Buffer.from(chunk);
    if (this.stuck) return;
    setImmediate(() => {
      if (this.other === undefined || this.other.destroyed) done();
      else if (this.other.push(copy)) done();
      else this.waiting = done;
    });
  }
}

export function pair(): [PairEnd, PairEnd] {
  const [a, b] = [new PairEnd(), new PairEnd()];
  a.other = b;
  b.other = a;
  return [a, b];
}

// Frames by hand, for what node's client does not send: length(3) type(1) flags(1) stream(4) payload.

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A POST whose body follows; END_HEADERS only. */
export const headersFrame = (stream: number, path: string): Buffer =>
  frame(
    1,
    4,
    stream,
    Buffer.concat([
      Buffer.from([0x83, 0x87, 0x04, path.length]), // :method POST, :scheme https, :path literal
      Buffer.from(path),
      Buffer.from([0x01, 1, 0x78]), // :authority x
    ]),
  );

/** The client's preface with empty SETTINGS. */
export const preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(4, 0, 0, Buffer.alloc(0)),
]);
