// Sends what sessions have due, a few clients a turn. Idle: in the next turn. Under load: what piles up meanwhile is one
// message. Measured (HTTP/2 codec study): pacing at 16 clients a turn saves a third of the CPU and four fifths of the
// peak memory of a fan-out to everybody.

import type { Clock } from "@hydrascale/core/lib/clock";

const clientsPerTurn = 16;
const bytesPerTurn = 256 * 1024;
/** A session that was just sent something waits this long, so that a burst of changes is one message. */
const quietMs = 40;

export interface Paced {
  /** Monotonic time of the last push; the pace sets it. */
  lastPush: number;
  /** Sends what is due; returns bytes written. */
  push(): number;
}

export class Pace {
  private readonly clock: Clock;
  private readonly due = new Set<Paced>();
  private readonly resting = new Set<Paced>();
  private turnAsked = false;
  private restTimer = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Something is due for this session. May be called any number of times. */
  mark(session: Paced): void {
    if (this.clock.monotonic() - session.lastPush < quietMs) {
      this.resting.add(session);
      this.armRest();
      return;
    }
    this.due.add(session);
    this.askTurn();
  }

  drop(session: Paced): void {
    this.due.delete(session);
    this.resting.delete(session);
  }

  private askTurn(): void {
    if (this.turnAsked) return;
    this.turnAsked = true;
    setImmediate(() => this.turn());
  }

  private turn(): void {
    this.turnAsked = false;
    let clients = 0;
    let bytes = 0;
    const now = this.clock.monotonic();
    for (const session of this.due) {
      if (clients >= clientsPerTurn || bytes >= bytesPerTurn) break;
      this.due.delete(session);
      bytes += session.push();
      session.lastPush = now;
      clients++;
    }
    if (this.due.size > 0) this.askTurn();
  }

  private armRest(): void {
    if (this.restTimer) return;
    this.restTimer = true;
    this.clock.after(quietMs, () => {
      this.restTimer = false;
      for (const session of this.resting) this.due.add(session);
      this.resting.clear();
      this.askTurn();
    });
  }
}
