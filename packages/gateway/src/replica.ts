// This gateway's copy of one tailnet: follows both logs, folds whole messages, feeds the netmap engine, wakes those
// who wait. It only reads; what it holds is exactly what the logs say up to its two cursors.

import type { LiveEvent } from "@hydrascale/core/domain/live/events";
import type { ActMessage, Decision, EvtMessage } from "@hydrascale/core/domain/message";
import { evtSubject } from "@hydrascale/core/domain/message";
import type { TailnetId } from "@hydrascale/core/domain/ids";
import type { TailnetFold } from "@hydrascale/core/domain/fold";
import type { RowChange } from "@hydrascale/core/lib/table";
import type { Follower, LogRecord, Store } from "@hydrascale/core/store/ports";
import type { Netmap } from "@hydrascale/core/netmap/engine";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Logger } from "@hydrascale/core/obs/log";

export interface ReplicaOptions {
  readonly store: Store;
  readonly tid: TailnetId;
  readonly fold: TailnetFold;
  readonly netmap: Netmap;
  readonly log: Logger;
  readonly counters: Counters;
  /** The logs went back or were made again, or a hole cannot be filled: nothing folded here counts any more. */
  readonly onLost: (reason: string) => void;
}

/** What happened to one appended message, told to whoever appended it. */
export type Folded =
  | { readonly valid: true; readonly counted: readonly boolean[] }
  | { readonly valid: false };

export interface ReplicaListener {
  readonly decision?: (seq: number, decision: Decision) => void;
  readonly activity?: (event: LiveEvent, counted: boolean) => void;
  readonly changes?: (changes: readonly RowChange[]) => void;
}

export class Replica {
  readonly tid: TailnetId;
  readonly fold: TailnetFold;
  readonly netmap: Netmap;
  private readonly options: ReplicaOptions;
  private readonly listeners = new Set<ReplicaListener>();
  /** Message ids that somebody here appended and waits for. */
  private readonly expected = new Map<string, (folded: Folded) => void>();
  private evtFollower: Follower | undefined;
  private actFollower: Follower | undefined;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.tid = options.tid;
    this.fold = options.fold;
    this.netmap = options.netmap;
  }

  /** Follows both logs from where the fold stands; resolves once their ends as of now are folded. */
  async start(): Promise<void> {
    const { store } = this.options;
    const onReset = (reason: string): void => this.options.onLost(reason);
    this.evtFollower = await store.evt.follow({
      after: this.fold.evtCursor,
      apply: (record) => this.applyEvt(record),
      onHole: (seq) =>
        this.options.onLost(`log EVT: record ${seq} is missing and cannot be read from any replica`),
      onReset,
    });
    this.actFollower = await store.act.follow({
      after: this.fold.actCursor,
      apply: (record) => this.applyAct(record),
      onHole: (seq) => this.options.onLost(`log ACT: record ${seq} is missing`),
      onReset,
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.evtFollower?.stop(), this.actFollower?.stop()]);
  }

  get evtCursor(): number {
    return this.evtFollower?.cursor ?? 0;
  }

  get actCursor(): number {
    return this.actFollower?.cursor ?? 0;
  }

  async evtReached(seq: number, ms: number): Promise<void> {
    await this.evtFollower?.reached(seq, ms);
  }

  async actReached(seq: number, ms: number): Promise<void> {
    await this.actFollower?.reached(seq, ms);
  }

  listen(listener: ReplicaListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls back when the message with this id is folded. The returned function stops the wait. */
  expect(messageId: string, folded: (folded: Folded) => void): () => void {
    this.expected.set(messageId, folded);
    return () => this.expected.delete(messageId);
  }

  private applyEvt(record: LogRecord): void {
    if (record.subject !== evtSubject(this.tid)) return;
    const applied = this.fold.applyEvt(record);
    if (!applied.valid) return this.reportVoid("EVT", record, applied.reason);
    this.netmap.apply(applied.changes);
    const message: EvtMessage = applied.message;
    this.settle(message.id, []);
    for (const listener of this.listeners) {
      listener.changes?.(applied.changes);
      for (const decision of message.decisions) listener.decision?.(record.seq, decision);
    }
  }

  private applyAct(record: LogRecord): void {
    if (!record.subject.startsWith(`act.${this.tid}.`)) return;
    const applied = this.fold.applyAct(record);
    if (!applied.valid) return this.reportVoid("ACT", record, applied.reason);
    this.netmap.apply(applied.changes);
    const message: ActMessage = applied.message;
    const counted = applied.counted;
    this.settle(message.id, counted);
    for (const listener of this.listeners) {
      listener.changes?.(applied.changes);
      if (listener.activity)
        message.events.forEach((event, i) => listener.activity?.(event, counted[i] ?? false));
    }
  }

  private settle(messageId: string, counted: readonly boolean[]): void {
    const waiting = this.expected.get(messageId);
    if (waiting === undefined) return;
    this.expected.delete(messageId);
    waiting({ valid: true, counted });
  }

  private reportVoid(logName: string, record: LogRecord, reason: string): void {
    const { counters, log } = this.options;
    counters.inc("void_messages", { log: logName });
    log.error("a message in the log is void and was skipped", {
      log: logName,
      seq: record.seq,
      subject: record.subject,
      reason,
    });
  }
}
