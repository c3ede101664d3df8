// Appends activity to this process's own subject (design rule 5): chained, compare-and-set, one append in flight,
// sent at once when idle. Callers learn whether their event counted. Only this process writes here, so a conflict
// means a late copy of our own append, or that somebody declared this process dead: then it is fenced.

import { randomBytes } from "node:crypto";
import { encodeAct } from "@hydrascale/core/domain/codec";
import type { BootId } from "@hydrascale/core/domain/ids";
import type { LiveEvent } from "@hydrascale/core/domain/live/events";
import type { ActMessage, Prev } from "@hydrascale/core/domain/message";
import { actSubject } from "@hydrascale/core/domain/message";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Counters } from "@hydrascale/core/obs/metrics";
import { pause } from "@hydrascale/core/store/follower";
import type { Store } from "@hydrascale/core/store/ports";
import type { Folded, Replica } from "./replica.ts";

const maxEvents = 256;
const maxBytes = 256 * 1024;
const foldWaitMs = 5_000;
const maxWaiting = 50_000;

/** `lost`: not stored and will not be (fenced, or the process stops). */
export type ActivityOutcome = "counted" | "dropped" | "lost";

interface Waiting {
  readonly event: LiveEvent;
  readonly bytes: number;
  readonly done: (outcome: ActivityOutcome) => void;
}

export interface ActivityOptions {
  readonly store: Store;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly boot: BootId;
  /** Somebody ended this boot; it must take a new id and connect its live sessions again. */
  readonly onFenced: () => void;
}

export class Activity {
  private readonly options: ActivityOptions;
  private readonly subject: string;
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private fenced = false;
  private stopping = false;

  constructor(options: ActivityOptions) {
    this.options = options;
    this.subject = actSubject(options.replica.tid, options.boot);
  }

  append(event: LiveEvent): Promise<ActivityOutcome> {
    if (this.fenced || this.stopping || this.waiting.length >= maxWaiting) return Promise.resolve("lost");
    return new Promise((done) => {
      this.waiting.push({ event, bytes: JSON.stringify(event).length, done });
      this.running ??= this.run();
    });
  }

  /** Stores what waits, if the log takes it now, and nothing afterwards. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  /** This boot was declared ended: nothing of it will ever count again. */
  fence(): void {
    if (this.fenced) return;
    this.fenced = true;
    this.options.onFenced();
  }

  private get position(): Prev {
    return this.options.replica.fold.live.boots.get(this.options.boot)?.last ?? { seq: 0, id: "" };
  }

  private async run(): Promise<void> {
    await Promise.resolve();
    try {
      while (this.waiting.length > 0 && !this.fenced) await this.send(this.take());
      for (const one of this.waiting.splice(0)) one.done("lost");
    } finally {
      // In the same turn as the look above: an event that comes any later must start it anew, or it waits for ever.
      this.running = undefined;
    }
  }

  private take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const one of this.waiting) {
      if (count === maxEvents || (count > 0 && bytes + one.bytes > maxBytes)) break;
      bytes += one.bytes;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  /** Stores one message; repeats the same bytes while the outcome is unknown, so that a late copy is void or ours. */
  private async send(batch: readonly Waiting[]): Promise<void> {
    const { store, replica, clock, counters, boot } = this.options;
    const message: ActMessage = {
      v: 1,
      epoch: replica.fold.epoch,
      prev: this.position,
      id: randomBytes(12).toString("base64url"),
      gw: boot,
      at: clock.now(),
      events: batch.map((b) => b.event),
    };
    const bytes = encodeAct(message);
    const answer: { folded: Folded | undefined } = { folded: undefined };
    const forget = replica.expect(message.id, (folded) => {
      answer.folded = folded;
    });
    while (answer.folded === undefined && !this.fenced) {
      const outcome = await store.act.append(this.subject, message.prev.seq, bytes);
      counters.inc("appends", { log: "ACT", outcome: outcome.kind });
      if (outcome.kind === "stored" || outcome.kind === "conflict") {
        const seq = outcome.kind === "stored" ? outcome.seq : outcome.lastSeq;
        await this.reached(seq);
        // The subject's end is folded and our message is not it: somebody ended this boot, or the message is void.
        if (answer.folded === undefined && replica.actCursor >= seq) this.fence();
        if (this.stopping) break;
      } else {
        if (this.stopping) break;
        await pause(clock, outcome.kind === "busy" ? 2 : 50);
      }
    }
    forget();
    const { folded } = answer;
    const counted = folded?.valid === true ? folded.counted : undefined;
    batch.forEach((one, i) =>
      one.done(counted === undefined ? "lost" : counted[i] === true ? "counted" : "dropped"),
    );
  }

  private async reached(seq: number): Promise<void> {
    await this.options.replica.actReached(seq, foldWaitMs).catch(() => undefined);
  }
}
