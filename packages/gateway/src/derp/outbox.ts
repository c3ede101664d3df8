// What waits to be sent to one client. Nothing here ever makes a sender wait: up to a window of bytes is handed to the
// transport, then packets queue, and a full queue forgets its oldest. Control frames go first, path discovery second,
// data last, so that a congested client still finds its direct path. A client that takes nothing for 2 s is stuck.
import type { Clock } from "@hydrascale/core/lib/clock";
import type { DerpCounters } from "./counters.ts";
import type { Transport } from "./transport.ts";

/**
 * Bytes handed over and not yet with the kernel. A socket read yields up to 64 KiB at once, so a smaller window would
 * drop bursts to idle receivers; a larger one could not be emptied within the time-out over a slow line.
 */
const window = 64 << 10;
const queueDepth = 32;
const controlDepth = 1024;
const pongDepth = 32;
const writeTimeoutMs = 2000;

export interface OutboxOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly counters: DerpCounters;
  /** The client takes nothing any more: the owner closes the connection. */
  readonly onStuck: () => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #control: Uint8Array[] = [];
  readonly #disco: Uint8Array[] = [];
  readonly #data: Uint8Array[] = [];
  #inFlight = 0;
  #progressAt = 0;
  #stopWatch: (() => void) | undefined;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bytes that this client holds in memory. */
  get held(): number {
    let bytes = this.#inFlight;
    for (const queue of [this.#control, this.#disco, this.#data])
      for (const frame of queue) bytes += frame.length;
    return bytes;
  }

  /** A frame that must arrive: key, info, keep-alive, peer gone. Too many of them waiting means stuck. */
  control(frame: Uint8Array): void {
    if (this.#control.length >= controlDepth) this.#stuck();
    else this.#put(this.#control, frame);
  }

  /** Left out while many frames wait: a client that pings faster than it reads gets fewer answers. */
  pong(frame: Uint8Array): void {
    if (this.#control.length < pongDepth) this.#put(this.#control, frame);
  }

  packet(frame: Uint8Array, disco: boolean): void {
    const queue = disco ? this.#disco : this.#data;
    if (queue.length >= queueDepth) {
      queue.shift();
      this.#options.counters.add("packets_dropped_full", 1);
    }
    this.#put(queue, frame);
  }

  close(): void {
    this.#closed = true;
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    for (const queue of [this.#control, this.#disco, this.#data]) queue.length = 0;
  }

  #put(queue: Uint8Array[], frame: Uint8Array): void {
    if (this.#closed) return;
    queue.push(frame);
    this.#flush();
  }

  #flush(): void {
    while (this.#inFlight < window && !this.#closed) {
      const frame = this.#control.shift() ?? this.#disco.shift() ?? this.#data.shift();
      if (frame === undefined) return;
      if (this.#inFlight === 0) this.#progressAt = this.#options.clock.monotonic();
      this.#inFlight += frame.length;
      this.#watch(writeTimeoutMs);
      this.#options.transport.send(frame, () => {
        this.#inFlight -= frame.length;
        this.#progressAt = this.#options.clock.monotonic();
        this.#flush();
      });
    }
  }

  /** One timer while anything is in flight, looked at when it fires: cheaper than one per write. */
  #watch(ms: number): void {
    this.#stopWatch ??= this.#options.clock.after(ms, () => {
      this.#stopWatch = undefined;
      if (this.#closed || this.#inFlight === 0) return;
      const left = this.#progressAt + writeTimeoutMs - this.#options.clock.monotonic();
      if (left <= 0) this.#stuck();
      else this.#watch(left);
    });
  }

  #stuck(): void {
    if (this.#closed) return;
    this.#options.counters.add("stuck", 1);
    this.#options.onStuck();
  }
}
