// A clock for tests: time stands still until it is advanced, and whatever a timer set in motion has settled (promises,
// immediates; no real I/O) before the next timer runs.

import type { Clock } from "./clock.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};

export class FakeClock implements Clock {
  private readonly timers = new Set<Timer>();
  private readonly start: number;
  private passed = 0;
  private order = 0;

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.start = start;
  }

  now(): number {
    return this.start + this.passed;
  }

  monotonic(): number {
    return this.passed;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.passed + Math.max(0, ms), order: this.order++, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Runs every timer that is due within `ms`, in order, including those which they set. */
  async advance(ms: number): Promise<void> {
    const until = this.passed + ms;
    await settle();
    for (;;) {
      const due = this.first();
      if (due === undefined || due.at > until) break;
      this.timers.delete(due);
      this.passed = Math.max(this.passed, due.at);
      due.run();
      await settle();
    }
    this.passed = until;
  }

  /** Advances in small steps until `what` has settled. */
  async complete<T>(what: Promise<T>, limitMs = 600_000): Promise<T> {
    const progress = { settled: false };
    const mark = () => {
      progress.settled = true;
    };
    void what.then(mark, mark);
    await settle();
    for (let spent = 0; !progress.settled && spent < limitMs; spent += 10) await this.advance(10);
    return what;
  }

  private first(): Timer | undefined {
    let found: Timer | undefined;
    for (const timer of this.timers) {
      if (
        found === undefined ||
        timer.at < found.at ||
        (timer.at === found.at && timer.order < found.order)
      ) {
        found = timer;
      }
    }
    return found;
  }
}
