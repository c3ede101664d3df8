// The barrier of design rule 2: whoever gives an answer that no append protects waits until the fold has everything
// that the leader had when the question was put. One question serves all who wait in that turn.

import type { Clock } from "@hydrascale/core/lib/clock";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Log } from "@hydrascale/core/store/ports";
import type { Lease } from "./lease.ts";

/** A leader that lost its quorum answers reads for some seconds more; an ack this fresh rules that out. */
const freshAckMs = 1_000;
const waitMs = 5_000;

export interface BarrierOptions {
  readonly log: Log;
  readonly subject: string;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly reached: (seq: number, ms: number) => Promise<void>;
}

export class Barrier {
  private readonly options: BarrierOptions;
  /** The question that will be put next turn; those who come now may join it. */
  private next: Promise<Result<void, Problem>> | undefined;

  constructor(options: BarrierOptions) {
    this.options = options;
  }

  pass(): Promise<Result<void, Problem>> {
    this.next ??= this.ask();
    return this.next;
  }

  private async ask(): Promise<Result<void, Problem>> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    // From here on a newcomer needs a question of its own: this one may be answered from before its time.
    this.next = undefined;
    const { lease, log, subject, reached } = this.options;
    try {
      // A renewal that was under way already may have been acked too long ago: then one of our own follows.
      for (let attempt = 0; attempt < 2 && lease.ackAge > freshAckMs; attempt++) {
        if (!(await lease.renew())) return this.unreachable("the log does not answer");
      }
      await reached(await log.lastSeq(subject), waitMs);
      return ok(undefined);
    } catch (error) {
      return this.unreachable(messageOf(error));
    }
  }

  private unreachable(reason: string): Result<void, Problem> {
    return err(problem("unavailable", `the log cannot be read: ${reason}`, "try again; nothing was changed"));
  }
}
