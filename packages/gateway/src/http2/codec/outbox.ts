// The write path: control frames in order, then DATA of the streams by turns. What one turn of the event loop queues
// leaves in one write. Payload stays where it is until the transport has room: at most `flushBytes` go at once, and
// none while an earlier write waits.

import type { Duplex } from "node:stream";
import { dataHead, headBytes } from "./frame.ts";
import { flushBytes, frameBytes, unreadFrames } from "./limits.ts";
import type { Stream } from "./stream.ts";

export interface OutboxEvents {
  /** END_STREAM of the stream has left. */
  sent(stream: Stream): void;
  /** A flush is over; whatever could leave has left. */
  flushed(): void;
}

// All that have something to send are flushed together when the turn is over, microtasks included.
let dirty: Outbox[] = [];

function flushAll(): void {
  const due = dirty;
  dirty = [];
  for (const outbox of due) outbox.flush();
}

export class Outbox {
  /** What the peer lets us send on the connection. */
  window = 65_535;
  private readonly transport: Duplex;
  private readonly events: OutboxEvents;
  private control: Buffer[] = [];
  /** Streams with something to send that their own window allows. */
  private readonly ring: Stream[] = [];
  private scheduled = false;
  private again: NodeJS.Immediate | undefined;
  private full = false;
  private over = false;

  constructor(transport: Duplex, events: OutboxEvents) {
    this.transport = transport;
    this.events = events;
    transport.on("drain", () => {
      this.full = false;
      if (!this.idle) this.schedule();
    });
  }

  get blocked(): boolean {
    return this.window <= 0;
  }

  /** The transport has not taken what it was given. */
  get stuck(): boolean {
    return this.full;
  }

  /** The peer makes us answer, and does not read the answers. */
  get unread(): boolean {
    return this.full && this.control.length > unreadFrames;
  }

  get idle(): boolean {
    return this.control.length === 0 && this.ring.length === 0;
  }

  put(frame: Buffer): void {
    if (this.over) return;
    this.control.push(frame);
    this.schedule();
  }

  wants(stream: Stream): void {
    if (stream.waiting || this.over) return;
    stream.waiting = true;
    this.ring.push(stream);
    this.schedule();
  }

  drop(stream: Stream): void {
    if (!stream.waiting) return;
    stream.waiting = false;
    const at = this.ring.indexOf(stream);
    if (at >= 0) this.ring.splice(at, 1);
  }

  /** Nothing more is sent. */
  stop(): void {
    this.over = true;
    this.control = [];
    for (const stream of this.ring.splice(0)) stream.waiting = false;
    clearImmediate(this.again);
  }

  schedule(): void {
    if (this.scheduled || this.full || this.over) return;
    this.scheduled = true;
    // From a microtask, the next tick comes when all microtasks are done.
    if (dirty.push(this) === 1) queueMicrotask(() => process.nextTick(flushAll));
  }

  flush(): void {
    this.scheduled = false;
    if (this.over || this.full || this.transport.destroyed || this.transport.writableEnded) return;
    const parts = this.control;
    this.control = [];
    const rest = this.gather(parts);
    if (parts.length > 0) {
      const [first] = parts;
      const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
      this.full = !this.transport.write(bytes);
    }
    // The transport took everything: no drain will come, and other connections have waited long enough.
    if (rest && !this.full) this.again = setImmediate(() => this.flush());
    this.events.flushed();
  }

  /** DATA within the windows and one flush's share, a frame per stream and turn; true when the share ended it. */
  private gather(parts: Buffer[]): boolean {
    let share = flushBytes;
    // How many streams to look at until one can send.
    let unseen = this.ring.length;
    while (unseen > 0) {
      const stream = this.ring[0];
      if (stream === undefined) break;
      const allowed = Math.max(0, Math.min(this.window, stream.sendWindow, frameBytes));
      const bytes = Math.min(stream.queued, allowed, share);
      const last = stream.last && bytes === stream.queued;
      if (bytes === 0 && !last) {
        if (allowed > 0 && stream.queued > 0) return true;
        this.ring.shift();
        unseen--;
        // For the connection's window it waits here; for its own it comes back when that grows.
        if (stream.queued > 0 && stream.sendWindow > 0) this.ring.push(stream);
        else stream.waiting = false;
        continue;
      }
      this.ring.shift();
      parts.push(dataHead(bytes, last, stream.id));
      stream.pull(bytes, parts);
      this.window -= bytes;
      share -= Math.min(share, bytes + headBytes);
      if (!last && (stream.queued > 0 || stream.last)) this.ring.push(stream);
      else stream.waiting = false;
      if (last) {
        this.events.sent(stream);
        parts.push(...this.control.splice(0));
      }
      unseen = this.ring.length;
    }
    return false;
  }
}
