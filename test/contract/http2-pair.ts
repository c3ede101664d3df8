// Two ends of a connection in memory, with backpressure, and a count of the writes that one end makes.
// Delivery waits for a turn of its own, as a socket's does: node:http2 aborts the process ("is_reading_stopped") when
// data arrives inside its own write.

import { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

export class PairEnd extends Duplex {
  other: PairEnd | undefined;
  /** Chunks this end was given to write: what would be system calls. */
  writes = 0;
  private waiting: Done | undefined;

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
