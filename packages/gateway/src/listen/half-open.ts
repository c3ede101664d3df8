// Connections that have not said anything complete yet. Each has a deadline, all together have a limit, and at the
// limit the oldest goes: an honest client speaks at once, so the newcomer is the one to keep.

import type { Clock } from "@hydrascale/core/lib/clock";

export class HalfOpen<T> {
  private readonly waiting = new Map<T, () => void>();
  private readonly clock: Clock;
  private readonly limit: number;
  private readonly ms: number;
  private readonly drop: (item: T, reason: "deadline" | "limit") => void;

  constructor(
    clock: Clock,
    limit: number,
    ms: number,
    drop: (item: T, reason: "deadline" | "limit") => void,
  ) {
    this.clock = clock;
    this.limit = limit;
    this.ms = ms;
    this.drop = drop;
  }

  get size(): number {
    return this.waiting.size;
  }

  add(item: T): void {
    if (this.waiting.size >= this.limit) {
      const oldest = this.waiting.keys().next();
      if (oldest.done !== true) this.expire(oldest.value, "limit");
    }
    this.waiting.set(
      item,
      this.clock.after(this.ms, () => this.expire(item, "deadline")),
    );
  }

  /** It spoke, or it is gone. */
  done(item: T): void {
    const cancel = this.waiting.get(item);
    if (cancel === undefined) return;
    this.waiting.delete(item);
    cancel();
  }

  private expire(item: T, reason: "deadline" | "limit"): void {
    if (!this.waiting.has(item)) return;
    this.done(item);
    this.drop(item, reason);
  }
}
