// Streams that were answered before their body was whole. The peer gets a moment to notice by itself: what it still
// sends is taken and dropped, and only then the stream is reset. A reset at once is allowed too, but some clients
// (node's) then wait for ever for their own write.

import type { Clock } from "@hydrascale/core/lib/clock";
import { leftoverMs, leftoverStreams, windowBytes } from "./limits.ts";

interface Leftover {
  /** Bytes that may still come. */
  allowed: number;
  window: number;
  readonly cancel: () => void;
}

export class Leftovers {
  private readonly streams = new Map<number, Leftover>();
  private readonly clock: Clock;
  private readonly reset: (id: number) => void;
  private readonly grant: (id: number, bytes: number) => void;

  constructor(clock: Clock, reset: (id: number) => void, grant: (id: number, bytes: number) => void) {
    this.clock = clock;
    this.reset = reset;
    this.grant = grant;
  }

  has(id: number): boolean {
    return this.streams.has(id);
  }

  add(id: number, allowed: number, window: number): void {
    if (this.streams.size >= leftoverStreams) return this.reset(id);
    const cancel = this.clock.after(leftoverMs, () => this.giveUp(id));
    this.streams.set(id, { allowed, window, cancel });
    this.replenish(id, 0);
  }

  /** The peer sent `bytes` more. */
  take(id: number, bytes: number, last: boolean): void {
    const leftover = this.streams.get(id);
    if (leftover === undefined) return;
    leftover.allowed -= bytes;
    if (last) this.drop(id);
    else if (leftover.allowed < 0) this.giveUp(id);
    else this.replenish(id, bytes);
  }

  /** The peer ended it. */
  drop(id: number): void {
    this.streams.get(id)?.cancel();
    this.streams.delete(id);
  }

  clear(): void {
    for (const id of this.streams.keys()) this.drop(id);
  }

  private giveUp(id: number): void {
    this.drop(id);
    this.reset(id);
  }

  private replenish(id: number, bytes: number): void {
    const leftover = this.streams.get(id);
    if (leftover === undefined) return;
    leftover.window -= bytes;
    if (leftover.window >= windowBytes / 2) return;
    this.grant(id, windowBytes - leftover.window);
    leftover.window = windowBytes;
  }
}
