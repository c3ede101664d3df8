// Follows one stream without trusting its feed: a plain subscription with sequence-gap detection, and reads that catch
// up at start, reconnect, gap and tick (design rule 8). Never skips what may still be there; a hole is re-read from the
// leader before it is believed, and a stream that was made again ends the follower.

import type { Clock } from "../lib/clock.ts";
import { ProblemError, problem } from "../lib/errors.ts";
import type { FeedRecord, FeedSource, SourceState } from "./feed-source.ts";
import type { Follower } from "./ports.ts";

/** Where sequences may be missing: nowhere (EVT), below the first kept one (ACT), anywhere (buckets). */
export type Holes = "none" | "prefix" | "any";

export interface FollowerOptions {
  readonly name: string;
  readonly source: FeedSource;
  readonly clock: Clock;
  readonly holes: Holes;
  readonly after: number;
  readonly apply: (record: FeedRecord) => void;
  readonly onHole: (missing: number) => void;
  readonly onReset: (reason: string) => void;
}

const tickMs = 1_500;
const retryMs = 250;
const startMs = 10_000;
const maxBuffered = 4_096;
const holeReads = 5;

export const pause = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(ms, resolve);
  });

const unavailable = (message: string): ProblemError => new ProblemError(problem("unavailable", message));

interface Waiter {
  readonly seq: number;
  readonly done: () => void;
  readonly fail: (why: string) => void;
}

/** Subscribes, catches up to the end as of the call, and goes on. Gives up after 10 s without an answer. */
export async function startFollower(options: FollowerOptions): Promise<StreamFollower> {
  const follower = new StreamFollower(options);
  const deadline = options.clock.monotonic() + startMs;
  for (;;) {
    try {
      await follower.start();
      return follower;
    } catch (error) {
      const passing = error instanceof ProblemError && error.problem.code === "unavailable";
      if (!passing || options.clock.monotonic() >= deadline) {
        await follower.stop();
        throw error;
      }
    }
    await pause(options.clock, retryMs);
  }
}

export class StreamFollower implements Follower {
  private readonly options: FollowerOptions;
  private position: number;
  private identity: string | undefined;
  /** The stream behind the current connection is known to be the one that `position` belongs to. */
  private verified = false;
  private linkTurn = 0;
  private behindSince: number | undefined;
  private readonly buffer = new Map<number, FeedRecord>();
  private readonly waiters = new Set<Waiter>();
  private unsubscribe: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private stopped = false;
  private cancelTick: () => void = () => {};
  private cancelRetry: () => void = () => {};

  constructor(options: FollowerOptions) {
    this.options = options;
    this.position = options.after;
  }

  get cursor(): number {
    return this.position;
  }

  async start(): Promise<void> {
    this.unsubscribe ??= await this.options.source.subscribe(
      (record) => this.onRecord(record),
      (up) => this.onLink(up),
    );
    await this.catchUp();
    this.tick();
  }

  reached(seq: number, ms: number): Promise<void> {
    if (this.position >= seq) return Promise.resolve();
    const what = `${this.options.name}: sequence ${seq} not reached`;
    if (this.stopped) return Promise.reject(unavailable(`${what}: no longer followed`));
    return new Promise((resolve, reject) => {
      const settle = (run: () => void): void => {
        cancel();
        this.waiters.delete(waiter);
        run();
      };
      const waiter: Waiter = {
        seq,
        done: () => settle(resolve),
        fail: (why) => settle(() => reject(unavailable(`${what}${why}`))),
      };
      const cancel = this.options.clock.after(ms, () => waiter.fail(` within ${ms} ms`));
      this.waiters.add(waiter);
      this.kick();
    });
  }

  async stop(): Promise<void> {
    this.halt();
    await this.running;
  }

  private halt(): void {
    this.stopped = true;
    this.cancelTick();
    this.cancelRetry();
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.buffer.clear();
    for (const waiter of this.waiters) waiter.fail(": no longer followed");
  }

  private tick(): void {
    if (this.stopped) return;
    this.cancelTick = this.options.clock.after(tickMs, () => {
      this.kick();
      this.tick();
    });
  }

  private onLink(up: boolean): void {
    this.linkTurn++;
    this.verified = false;
    if (up) this.kick();
  }

  private onRecord(record: FeedRecord): void {
    if (this.stopped || record.seq <= this.position) return;
    if (this.verified && record.seq === this.position + 1) return this.applyFed(record);
    if (this.buffer.size < maxBuffered) this.buffer.set(record.seq, record);
    if (this.verified) this.kick();
  }

  /**
   * What is thrown here is a bug, and the record is half applied at best. Whoever calls back may swallow it and go on
   * with the next one, so it ends the follower and surfaces by itself.
   */
  private applyFed(record: FeedRecord): void {
    try {
      this.applyOne(record);
      this.drain();
    } catch (error) {
      this.halt();
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private applyOne(record: FeedRecord): void {
    this.position = record.seq;
    this.options.apply(record);
    this.wake();
  }

  private skipTo(seq: number): void {
    this.position = Math.max(this.position, seq);
    this.wake();
  }

  private wake(): void {
    for (const waiter of this.waiters) {
      if (this.position >= waiter.seq) waiter.done();
    }
  }

  private drain(): void {
    for (;;) {
      const record = this.buffer.get(this.position + 1);
      if (record === undefined || this.stopped) return;
      this.buffer.delete(record.seq);
      this.applyOne(record);
    }
  }

  /** Runs one catch-up at a time; a call during one makes it run again. What is no ProblemError is a bug and surfaces. */
  private kick(): void {
    if (this.stopped) return;
    if (this.running !== undefined) {
      this.again = true;
      return;
    }
    this.cancelRetry();
    this.running = this.catchUpUntilQuiet().finally(() => {
      this.running = undefined;
    });
  }

  private async catchUpUntilQuiet(): Promise<void> {
    try {
      do {
        this.again = false;
        await this.catchUp();
      } while (this.again && !this.stopped);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.retryLater();
    }
  }

  private retryLater(): void {
    if (this.stopped) return;
    this.cancelRetry();
    this.cancelRetry = this.options.clock.after(retryMs, () => this.kick());
  }

  private async catchUp(): Promise<void> {
    const turn = this.linkTurn;
    // The feed may overtake the answer: what it has brought meanwhile is no sign of a stream that went back.
    const asked = this.position;
    const state = await this.options.source.state();
    if (this.stopped || !this.sameStream(state, asked)) return;
    if (turn === this.linkTurn) this.verified = true;
    this.drain();
    while (!this.stopped && this.position < state.lastSeq) await this.advance(state);
    for (const seq of this.buffer.keys()) if (seq <= this.position) this.buffer.delete(seq);
    if (this.buffer.size > 0) this.retryLater();
  }

  /** False ends this catch-up: either the follower has stopped with a reset, or the answer may be a stale leader's. */
  private sameStream(state: SourceState, asked: number): boolean {
    this.identity ??= state.identity;
    if (state.identity !== this.identity) {
      this.reset(`stream ${this.options.name} was made again`);
      return false;
    }
    if (state.lastSeq >= asked) {
      this.behindSince = undefined;
      return true;
    }
    this.verified = false;
    const now = this.options.clock.monotonic();
    this.behindSince ??= now;
    if (now - this.behindSince < state.staleMs) this.retryLater();
    else
      this.reset(`stream ${this.options.name} went back to sequence ${state.lastSeq}, ${asked} was applied`);
    return false;
  }

  private reset(reason: string): void {
    this.halt();
    this.options.onReset(reason);
  }

  private async advance(state: SourceState): Promise<void> {
    const { holes, source } = this.options;
    if (holes !== "none" && this.position + 1 < state.firstSeq) this.skipTo(state.firstSeq - 1);
    if (this.position >= state.lastSeq) return;
    const before = this.position;
    for (const record of await source.page(before + 1)) {
      if (this.stopped) return;
      if (record.seq <= this.position) continue;
      if (record.seq !== this.position + 1 && holes !== "any") break;
      this.applyOne(record);
    }
    this.drain();
    if (this.position === before && !this.stopped) await this.askLeader(state);
  }

  /** A page brought nothing: its replica was behind or damaged, or the record is gone. Only the leader is believed. */
  private async askLeader(state: SourceState): Promise<void> {
    const { holes, source, clock } = this.options;
    const before = this.position;
    for (let read = 0; read < holeReads; read++) {
      if (read > 0) await pause(clock, 20 * 2 ** read);
      const record = await source.next(before + 1);
      if (this.stopped || this.position > before) return;
      if (holes === "any" && record === undefined) return this.skipTo(state.lastSeq);
      if (record !== undefined && (record.seq === before + 1 || holes === "any")) {
        return this.applyOne(record);
      }
      if (holes === "prefix") {
        const now = await source.state();
        if (this.stopped || this.position > before) return;
        if (now.firstSeq > before + 1) return this.skipTo(now.firstSeq - 1);
      }
    }
    this.halt();
    this.options.onHole(before + 1);
  }
}
