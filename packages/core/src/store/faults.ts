// What the in-memory store does wrong on purpose, drawn from a seed: the same seed and the same calls give the same
// faults. All chances are 0..1 and default to 0.

export interface MemoryFaults {
  readonly seed: number;
  /** Each request, commit, answer and feed message takes 0..delayMs. Feed messages overtake each other by it. */
  readonly delayMs?: number;
  /** "Another append is in flight" (10164) although none is. */
  readonly busy?: number;
  /** Applied, but the answer is lost: unknown after the time-out. */
  readonly lostAck?: number;
  /** Unknown after the time-out, and applied later than that, with the expectation it was sent with. */
  readonly ghost?: number;
  /** The request arrives twice and the second answer counts: a conflict with one's own message. */
  readonly twice?: number;
  readonly feedDrop?: number;
  readonly feedTwice?: number;
  /** Per write: this connection drops and is back after 0..outageMs. */
  readonly outage?: number;
  readonly outageMs?: number;
  /** When a lost answer becomes unknown; 2,000 by default. */
  readonly timeoutMs?: number;
  /** A ghost lands within this time after the time-out; 5,000 by default. */
  readonly ghostMs?: number;
}

export type WriteFault = "none" | "busy" | "lost-ack" | "ghost" | "twice";

/** Numbers 0 ≤ x < 1 from a 32-bit state. */
export function seeded(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FaultPlan {
  private readonly faults: MemoryFaults | undefined;
  private readonly random: () => number;
  private active: boolean;

  constructor(faults: MemoryFaults | undefined) {
    this.faults = faults;
    this.random = seeded(faults?.seed ?? 0);
    this.active = faults !== undefined;
  }

  /** From now on nothing goes wrong any more; what is under way still may. */
  calm(): void {
    this.active = false;
  }

  get timeoutMs(): number {
    return this.faults?.timeoutMs ?? 2_000;
  }

  chance(of: "feedDrop" | "feedTwice" | "outage"): boolean {
    return this.active && this.random() < (this.faults?.[of] ?? 0);
  }

  delay(): number {
    return this.active ? Math.round(this.random() * (this.faults?.delayMs ?? 0)) : 0;
  }

  outageMs(): number {
    return Math.round(this.random() * (this.faults?.outageMs ?? 1_000));
  }

  ghostMs(): number {
    return this.timeoutMs + Math.round(this.random() * (this.faults?.ghostMs ?? 5_000));
  }

  write(): WriteFault {
    if (!this.active || this.faults === undefined) return "none";
    const kinds = [
      ["busy", this.faults.busy],
      ["lost-ack", this.faults.lostAck],
      ["ghost", this.faults.ghost],
      ["twice", this.faults.twice],
    ] as const;
    let draw = this.random();
    for (const [kind, chance = 0] of kinds) {
      if (draw < chance) return kind;
      draw -= chance;
    }
    return "none";
  }
}
