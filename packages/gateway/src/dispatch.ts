// Decides and appends (design rule 2): group commit on the tailnet's one subject, compare-and-set on the last sequence,
// every outcome of an append handled. A caller hears success only after the decision was folded as valid; a refusal
// only when the state it stands on was proved to be the newest.

import { randomBytes } from "node:crypto";
import type { Command, PolicyFacts } from "@hydrascale/core/domain/directory/commands";
import { batchLimits, decideBatch } from "@hydrascale/core/domain/directory/batch";
import type { BatchItem, BatchOutcome } from "@hydrascale/core/domain/directory/batch";
import { encodeEvt } from "@hydrascale/core/domain/codec";
import type { BootId } from "@hydrascale/core/domain/ids";
import type { Decision, EvtMessage } from "@hydrascale/core/domain/message";
import { evtSubject } from "@hydrascale/core/domain/message";
import type { Clock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Counters } from "@hydrascale/core/obs/metrics";
import { pause } from "@hydrascale/core/store/follower";
import type { Store } from "@hydrascale/core/store/ports";
import type { Barrier } from "./barrier.ts";
import { newCommandId } from "./mint.ts";
import type { Replica } from "./replica.ts";
import type { Decided, ExecuteOptions } from "./service.ts";

/** More than this waiting is more than can be answered in time. */
const maxWaiting = 10_000;
const defaultDeadlineMs = 12_000;
const foldWaitMs = 2_000;

interface Waiting {
  readonly item: BatchItem;
  readonly deadline: number;
  readonly answer: (result: Result<Decided, Problem>) => void;
}

export interface DispatchOptions {
  readonly store: Store;
  readonly replica: Replica;
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly boot: () => BootId;
  readonly policy: () => PolicyFacts;
  /** Rule 6: a gateway that is not current takes no commands. */
  readonly isCurrent: () => boolean;
}

export class Dispatch {
  private readonly options: DispatchOptions;
  private waiting: Waiting[] = [];
  private running = false;

  constructor(options: DispatchOptions) {
    this.options = options;
  }

  execute(command: Command, how: ExecuteOptions): Promise<Result<Decided, Problem>> {
    if (!this.options.isCurrent())
      return Promise.resolve(
        err(
          problem(
            "unavailable",
            "this gateway has lost touch with the log",
            "try again, or at another gateway",
          ),
        ),
      );
    if (this.waiting.length >= maxWaiting)
      return Promise.resolve(
        err(problem("unavailable", "too many commands are waiting", "try again in a moment")),
      );
    return new Promise((resolve) => {
      const deadline = this.options.clock.monotonic() + (how.deadlineMs ?? defaultDeadlineMs);
      this.waiting.push({ item: this.item(command, how), deadline, answer: resolve });
      if (!this.running) void this.run();
    });
  }

  /** Would this command change anything in the state as folded here? Spares a round for the common "nothing new". */
  wouldChange(command: Command, how: ExecuteOptions): boolean {
    const { outcomes } = decideBatch(this.options.replica.fold, [this.item(command, how)]);
    return outcomes[0]?.kind !== "unchanged";
  }

  private item(command: Command, how: ExecuteOptions): BatchItem {
    return {
      command,
      ctx: {
        id: how.id ?? newCommandId(),
        by: how.by,
        now: this.options.clock.now(),
        random: (n) => randomBytes(n),
        policy: this.options.policy(),
      },
    };
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      // One turn of patience lets everything that arrived together go into one append.
      await new Promise<void>((resolve) => setImmediate(resolve));
      while (this.waiting.length > 0) await this.round(this.take());
    } finally {
      this.running = false;
    }
  }

  private take(): Waiting[] {
    return this.waiting.splice(0, batchLimits.decisions);
  }

  /** Decides and appends one batch until every member has its answer. */
  private async round(batch: Waiting[]): Promise<void> {
    let members = batch;
    let proved = false;
    while (members.length > 0) {
      members = this.dropLate(members);
      if (members.length === 0) return;
      const fold = this.options.replica.fold;
      if (fold.opaque) return this.refuseAll(members);
      const policy = this.options.policy();
      const items = members.map((m) => ({ command: m.item.command, ctx: { ...m.item.ctx, policy } }));
      const { outcomes, decisions } = decideBatch(fold, items);
      if (decisions.length === 0) {
        // Nothing to append: what is answered now must stand on the newest state.
        if (proved) return this.answer(members, outcomes, fold.evt.seq);
        // A member may stand in the log already by an append whose answer was lost: until the deadline nobody is told off.
        proved = (await this.options.barrier.pass()).ok;
        if (!proved) await pause(this.options.clock, 100);
        continue;
      }
      proved = false;
      const appended = await this.append(decisions);
      if (appended.kind === "stored") {
        this.answer(members, outcomes, appended.seq);
        members = members.filter((_, i) => outcomes[i]?.kind === "deferred");
        continue;
      }
      if (appended.kind === "failed") {
        for (const m of members) m.answer(err(appended.problem));
        return;
      }
    }
  }

  /** What this release would append after events that it does not know would be void everywhere. */
  private refuseAll(members: readonly Waiting[]): void {
    const text = "the log holds events of a newer release, which this gateway does not know";
    const refusal = problem("unavailable", text, "ask a gateway of the newer release, or upgrade this one");
    for (const m of members) m.answer(err(refusal));
  }

  private dropLate(members: Waiting[]): Waiting[] {
    const now = this.options.clock.monotonic();
    return members.filter((m) => {
      if (m.deadline > now) return true;
      this.options.counters.inc("commands", { kind: m.item.command.kind, outcome: "unavailable" });
      m.answer(
        err(
          problem(
            "unavailable",
            "the log did not answer in time; the outcome is unknown",
            "repeat with the same command id: the first answer is given again",
          ),
        ),
      );
      return false;
    });
  }

  private answer(members: readonly Waiting[], outcomes: readonly BatchOutcome[], seq: number): void {
    members.forEach((m, i) => {
      const outcome = outcomes[i];
      if (outcome === undefined) return m.answer(err(problem("internal", "a command was not decided")));
      if (outcome.kind === "deferred") return undefined;
      this.options.counters.inc("commands", { kind: m.item.command.kind, outcome: outcome.kind });
      if (outcome.kind === "refused") return m.answer(err(outcome.problem));
      const at = outcome.kind === "decided" ? seq : outcome.kind === "repeat" ? outcome.seq : 0;
      return m.answer(ok({ result: outcome.result, seq: at }));
    });
  }

  /** One append and what followed. `again`: the state moved or the outcome is unknown; decide once more. */
  private async append(
    decisions: readonly Decision[],
  ): Promise<{ kind: "stored"; seq: number } | { kind: "again" } | { kind: "failed"; problem: Problem }> {
    const { store, replica, counters, clock } = this.options;
    const fold = replica.fold;
    const message: EvtMessage = {
      v: 1,
      epoch: fold.epoch,
      prev: fold.evt,
      id: randomBytes(12).toString("base64url"),
      gw: this.options.boot(),
      decisions,
    };
    const folded = { valid: false };
    const forget = replica.expect(message.id, () => {
      folded.valid = true;
    });
    const outcome = await store.evt.append(evtSubject(replica.tid), fold.evtSubjectSeq, encodeEvt(message));
    counters.inc("appends", { log: "EVT", outcome: outcome.kind });
    if (outcome.kind !== "stored") forget();
    switch (outcome.kind) {
      case "stored": {
        // The feed usually came before the ack. A message stored but folded as void is decided again.
        await this.reached(outcome.seq);
        forget();
        return folded.valid ? { kind: "stored", seq: outcome.seq } : { kind: "again" };
      }
      case "conflict":
        await this.reached(outcome.lastSeq);
        return { kind: "again" };
      case "busy":
        await pause(clock, 1 + Math.random() * 2);
        return { kind: "again" };
      case "unknown":
        // It may be there, or come later as a ghost with an old expectation. The fold holds the command ids, so
        // deciding again on what the leader has finds our own decision if it won.
        if (!(await this.options.barrier.pass()).ok) await pause(clock, 100);
        return { kind: "again" };
      case "refused":
        if (!outcome.retry)
          return {
            kind: "failed",
            problem: problem(
              "unavailable",
              `the log refuses to store: ${outcome.reason}`,
              "`hydrascale doctor` finds the cause (disk space, permissions)",
            ),
          };
        await pause(clock, 50);
        return { kind: "again" };
    }
  }

  private async reached(seq: number): Promise<void> {
    await this.options.replica.evtReached(seq, foldWaitMs).catch(() => undefined); // the next round decides on what is there
  }
}
