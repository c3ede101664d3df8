// The server side of the in-memory store: one stream with JetStream's rules for sequences, compare-and-set per subject,
// one kept record per subject where it backs a bucket, expiry with markers. Shared by all connections.

import type { Clock } from "../lib/clock.ts";
import type { FeedRecord, SourceState } from "./feed-source.ts";

export type StreamAnswer =
  | { readonly kind: "stored"; readonly seq: number }
  | { readonly kind: "conflict"; readonly lastSeq: number };

export interface StreamWrite {
  readonly subject: string;
  readonly expected: number;
  readonly data: Uint8Array;
  /** A marker instead of a value. */
  readonly gone?: boolean;
  readonly ttlMs?: number;
}

const pageSize = 256;

export class MemoryStream {
  readonly name: string;
  /** Subjects with a write between its check and its storage: another write on them is told to wait. */
  readonly inFlight = new Set<string>();
  private readonly clock: Clock;
  private readonly keepsAll: boolean;
  private readonly records = new Map<number, FeedRecord>();
  private readonly lastBySubject = new Map<string, number>();
  private readonly listeners = new Set<(record: FeedRecord) => void>();
  private readonly timers = new Set<() => void>();
  private firstSeq = 1;
  private lastSeq = 0;
  private epoch: string;
  private generation = 1;

  constructor(name: string, clock: Clock, keepsAll: boolean, epoch: string) {
    this.name = name;
    this.epoch = epoch;
    this.clock = clock;
    this.keepsAll = keepsAll;
  }

  listen(listener: (record: FeedRecord) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  state(): SourceState {
    return {
      firstSeq: this.records.size === 0 ? this.lastSeq + 1 : this.firstSeq,
      lastSeq: this.lastSeq,
      messages: this.records.size,
      epoch: this.epoch,
      identity: `${this.epoch}/${this.generation}`,
      staleMs: 0,
    };
  }

  last(subject: string): FeedRecord | undefined {
    return this.records.get(this.lastBySubject.get(subject) ?? 0);
  }

  lastSeqOf(subject: string): number {
    return this.last(subject)?.seq ?? 0;
  }

  lastOfEach(): FeedRecord[] {
    return [...this.lastBySubject.values()].flatMap((seq) => this.records.get(seq) ?? []);
  }

  page(from: number, subject?: string): FeedRecord[] {
    const found: FeedRecord[] = [];
    for (let seq = Math.max(from, this.firstSeq); seq <= this.lastSeq && found.length < pageSize; seq++) {
      const record = this.records.get(seq);
      if (record !== undefined && (subject === undefined || record.subject === subject)) found.push(record);
    }
    return found;
  }

  next(from: number, subject?: string): FeedRecord | undefined {
    return this.page(from, subject)[0];
  }

  write(write: StreamWrite): StreamAnswer {
    const lastSeq = this.lastSeqOf(write.subject);
    if (lastSeq !== write.expected) return { kind: "conflict", lastSeq };
    return { kind: "stored", seq: this.store(write) };
  }

  /** Removes all records below `seq`, as trimming ACT does. */
  trim(seq: number): void {
    for (; this.firstSeq < seq && this.firstSeq <= this.lastSeq; this.firstSeq++) this.drop(this.firstSeq);
  }

  /** Loses one record, as a damaged file does. */
  lose(seq: number): void {
    this.drop(seq);
  }

  /** Forgets everything under a new identity. */
  remake(epoch = `${this.epoch}x`): void {
    this.epoch = epoch;
    this.records.clear();
    this.lastBySubject.clear();
    this.firstSeq = 1;
    this.lastSeq = 0;
    this.generation++;
    this.cancelTimers();
  }

  cancelTimers(): void {
    for (const cancel of this.timers) cancel();
    this.timers.clear();
  }

  private drop(seq: number): void {
    const record = this.records.get(seq);
    if (record === undefined) return;
    this.records.delete(seq);
    if (this.lastBySubject.get(record.subject) === seq) this.lastBySubject.delete(record.subject);
  }

  private store(write: StreamWrite): number {
    const before = this.lastBySubject.get(write.subject);
    if (!this.keepsAll && before !== undefined) this.drop(before);
    const record: FeedRecord = {
      seq: ++this.lastSeq,
      subject: write.subject,
      data: write.data.slice(),
      time: this.clock.now(),
      gone: write.gone ?? false,
    };
    this.records.set(record.seq, record);
    this.lastBySubject.set(record.subject, record.seq);
    if (write.ttlMs !== undefined) this.expireLater(record, write.ttlMs);
    for (const listener of this.listeners) listener(record);
    return record.seq;
  }

  private expireLater(record: FeedRecord, ms: number): void {
    const cancel = this.clock.after(ms, () => {
      this.timers.delete(cancel);
      if (this.records.get(record.seq) !== record) return;
      this.store({ subject: record.subject, expected: record.seq, data: new Uint8Array(), gone: true });
    });
    this.timers.add(cancel);
  }
}
