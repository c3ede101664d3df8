// Real time that a test can push forward: for gateways with real connections whose deadlines nobody wants to wait for.
// Leaps go in small steps, so that what is renewed every few seconds stays renewed.

import type { Clock } from "@hydrascale/core/lib/clock";

interface Timer {
  readonly at: number;
  readonly run: () => void;
  real: NodeJS.Timeout;
}

const stepMs = 500;

export class LeapClock implements Clock {
  private readonly timers = new Set<Timer>();
  private leapt = 0;

  now(): number {
    return Date.now() + this.leapt;
  }

  monotonic(): number {
    return performance.now() + this.leapt;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.monotonic() + ms, run, real: setTimeout(() => this.fire(timer), ms) };
    this.timers.add(timer);
    return () => this.drop(timer);
  }

  /** As if `ms` had passed: every timer that is due has run, and what it set in motion has settled, but for real I/O. */
  async leap(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.leapt += Math.min(left, stepMs);
      for (const timer of this.due()) this.fire(timer);
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const timer of this.timers) {
      clearTimeout(timer.real);
      timer.real = setTimeout(() => this.fire(timer), Math.max(0, timer.at - this.monotonic()));
    }
  }

  private due(): Timer[] {
    const now = this.monotonic();
    return [...this.timers].filter((timer) => timer.at <= now).sort((a, b) => a.at - b.at);
  }

  private fire(timer: Timer): void {
    if (this.drop(timer)) timer.run();
  }

  private drop(timer: Timer): boolean {
    clearTimeout(timer.real);
    return this.timers.delete(timer);
  }
}
