// One incarnation of a tailnet's projection: loads, follows both logs, and writes what changed, at most once a second
// per document, then the position that all documents have reached. Over when the logs or the documents turn out to be
// others than it started from; run.ts then starts the next.

import { tableNamed } from "@hydrascale/core/domain/documents";
import type { FoldPosition, TailnetFold } from "@hydrascale/core/domain/fold";
import type { TailnetId } from "@hydrascale/core/domain/ids";
import { evtSubject } from "@hydrascale/core/domain/message";
import { covers, encodeMeta, metaKey, projectionVersion } from "@hydrascale/core/domain/snapshot/document";
import { loadFold } from "@hydrascale/core/domain/snapshot/load";
import type { Loaded } from "@hydrascale/core/domain/snapshot/load";
import type { Clock } from "@hydrascale/core/lib/clock";
import { ProblemError, problem } from "@hydrascale/core/lib/errors";
import type { RowChange } from "@hydrascale/core/lib/table";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Follower, Log, LogRecord, Store } from "@hydrascale/core/store/ports";
import { DocumentWriter, nowhere } from "./documents.ts";
import type { Dirty } from "./documents.ts";
import { rebuild } from "./rebuild.ts";

export interface ProjectionOptions {
  readonly store: Store;
  readonly tid: TailnetId;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Whether this one writes at once; the others write what is missing two seconds later. */
  readonly preferred: () => boolean;
}

/** Why an incarnation is over. `hole`: not to be started again by itself. */
export type Over =
  | { readonly kind: "reset"; readonly reason: string }
  | { readonly kind: "newer" }
  | { readonly kind: "hole"; readonly reason: string };

const roundMs = 1_000;
const deferMs = 2_000;
const catchUpMs = 5_000;
const checkMs = 30_000;

export class Projection {
  readonly ended: Promise<Over>;
  private readonly options: ProjectionOptions;
  private readonly fold: TailnetFold;
  private readonly writer: DocumentWriter;
  private readonly dirty = new Map<string, Dirty>();
  private readonly followers: Follower[] = [];
  private end: (over: Over) => void = () => {};
  private unwatch: (() => Promise<void>) | undefined;
  private reached: FoldPosition | undefined;
  private round: Promise<void> | undefined;
  private cancelRound: (() => void) | undefined;
  private cancelCheck: () => void = () => {};
  private lastRound = Number.NEGATIVE_INFINITY;
  private swept = false;
  private stopped = false;

  private constructor(
    options: ProjectionOptions,
    fold: TailnetFold,
    writer: DocumentWriter,
    reached: FoldPosition | undefined,
  ) {
    this.options = options;
    this.fold = fold;
    this.writer = writer;
    this.reached = reached;
    this.ended = new Promise((resolve) => {
      this.end = (over) => {
        this.stopped = true;
        resolve(over);
      };
    });
  }

  /** Loads the documents and catches up. Rejects with ProblemError when that is not possible now. */
  static async start(options: ProjectionOptions): Promise<Projection> {
    const { fold, known, storedMeta } = await loadOrMend(options);
    if (storedMeta === undefined) throw new Error("a projection without a position");
    const { g, position } = storedMeta.meta;
    const meta = { g, position, revision: storedMeta.revision };
    const writer = new DocumentWriter(options.store.netmap, fold, g, known, meta);
    const projection = new Projection(options, fold, writer, position);
    try {
      await projection.follow();
    } catch (error) {
      await projection.stop();
      throw error;
    }
    return projection;
  }

  get opaque(): boolean {
    return this.fold.opaque;
  }

  get cursors(): { readonly evt: number; readonly act: number } {
    return { evt: this.fold.evtCursor, act: this.fold.actCursor };
  }

  /** What the documents show for sure. */
  get shown(): FoldPosition | undefined {
    return this.reached;
  }

  get waiting(): number {
    return this.dirty.size;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelRound?.();
    this.cancelCheck();
    await this.unwatch?.();
    for (const follower of this.followers) await follower.stop();
    await this.round;
  }

  private async follow(): Promise<void> {
    const { store, tid } = this.options;
    this.unwatch = await store.netmap.watch(tid, (key, entry) => this.writer.saw(key, entry));
    await this.followOne(store.evt, this.fold.evtCursor, (record) => {
      if (record.subject === evtSubject(tid)) this.take("EVT", record, this.fold.applyEvt(record));
    });
    await this.followOne(store.act, this.fold.actCursor, (record) => {
      if (record.subject.startsWith(`act.${tid}.`)) this.take("ACT", record, this.fold.applyAct(record));
    });
    // Leftovers of another epoch have to go even when nothing happens.
    this.schedule();
    this.checkLater();
  }

  /** On one server the bucket is not synced per put, so its tail may be lost while nothing else happens. */
  private checkLater(): void {
    if (this.stopped) return;
    this.cancelCheck = this.options.clock.after(checkMs, () => {
      this.check().then(
        () => this.checkLater(),
        (error: unknown) => {
          if (!(error instanceof ProblemError)) throw error;
          this.checkLater();
        },
      );
    });
  }

  private async check(): Promise<void> {
    if (!(await this.writer.stillThere())) this.end({ kind: "reset", reason: "the documents went back" });
  }

  private async followOne(log: Log, after: number, apply: (record: LogRecord) => void): Promise<void> {
    this.followers.push(
      await log.follow({
        after,
        apply,
        onHole: (missing) =>
          this.end({ kind: "hole", reason: `log ${log.name}: record ${missing} is missing` }),
        onReset: (reason) => this.end({ kind: "reset", reason }),
      }),
    );
  }

  private take(
    name: string,
    record: LogRecord,
    applied:
      | { readonly valid: true; readonly changes: readonly RowChange[] }
      | { readonly valid: false; readonly reason: string },
  ): void {
    if (applied.valid) {
      for (const change of applied.changes) this.mark(change, record.seq);
    } else {
      this.options.counters.inc("projector_void_messages", { log: name, reason: applied.reason });
    }
    this.schedule();
  }

  private mark(change: RowChange, seq: number): void {
    const table = tableNamed(change.table);
    if (table === undefined) return;
    const dirty = { table, id: change.id, seq };
    this.dirty.set(keyOf(dirty), dirty);
  }

  private schedule(): void {
    if (this.stopped || this.round !== undefined || this.cancelRound !== undefined) return;
    const { clock, preferred } = this.options;
    const wait = Math.max(0, this.lastRound + roundMs - clock.monotonic()) + (preferred() ? 0 : deferMs);
    this.cancelRound = clock.after(wait, () => {
      this.cancelRound = undefined;
      this.lastRound = clock.monotonic();
      this.round = this.write().finally(() => {
        this.round = undefined;
        if (this.dirty.size > 0 || this.unsaid()) this.schedule();
      });
    });
  }

  private unsaid(): boolean {
    return !this.fold.opaque && (this.reached === undefined || !covers(this.reached, this.fold.position()));
  }

  /** One round: catch up with the leaders, documents, then the position they have reached. */
  private async write(): Promise<void> {
    try {
      await this.caughtUp();
    } catch (error) {
      if (error instanceof ProblemError) return;
      throw error;
    }
    if (this.stopped || this.fold.opaque) return;
    const position = this.fold.position();
    const round = [...this.dirty.values()];
    this.dirty.clear();
    const { left, newer } = await this.writer.writeAll(round, (one) => this.dirty.has(keyOf(one)));
    if (newer) return this.end({ kind: "newer" });
    for (const one of left) {
      const key = keyOf(one);
      if (!this.dirty.has(key)) this.dirty.set(key, one);
    }
    if (left.length > 0) return;
    if (!this.swept && (await this.writer.entombLeftovers()) === undefined) return;
    this.swept = true;
    const told = await this.writer.writeMeta(position);
    if (told === "newer") this.end({ kind: "newer" });
    else if (told === "lost") this.end({ kind: "reset", reason: "the documents were lost" });
    else if (told !== "later") this.reached = position;
  }

  /** Nothing is written by one that was away and has not seen what happened meanwhile. */
  private async caughtUp(): Promise<void> {
    const { store } = this.options;
    const [evt, act] = await Promise.all([store.evt.info(), store.act.info()]);
    if (evt.epoch !== this.fold.epoch) this.end({ kind: "reset", reason: "the log is of another epoch" });
    await this.followers[0]?.reached(evt.lastSeq, catchUpMs);
    await this.followers[1]?.reached(act.lastSeq, catchUpMs);
  }
}

const keyOf = ({ table, id }: Dirty): string => `${table}/${id}`;

/** Loads a fold with its position; before that, makes good what cannot be started from. */
async function loadOrMend(options: ProjectionOptions): Promise<Loaded> {
  const { log, store, tid } = options;
  const { epoch } = await store.evt.info();
  const loaded = await loadFold(store.netmap, tid, epoch);
  if (!loaded.ok) {
    log.error("the read model is damaged and is built again", { reason: loaded.error.message });
    await buildAgain(options, undefined);
  } else if (loaded.value.meta === undefined) {
    await claim(options, epoch, loaded.value);
  } else if (loaded.value.newest > loaded.value.meta.g) {
    log.warn("a rebuild of the documents was interrupted and is finished");
    await buildAgain(options, loaded.value.newest);
  } else {
    return loaded.value;
  }
  const again = await loadFold(store.netmap, tid, epoch);
  if (!again.ok) throw new ProblemError(again.error);
  if (again.value.meta === undefined) throw unavailable("the documents changed meanwhile");
  return again.value;
}

async function buildAgain(options: ProjectionOptions, generation: number | undefined): Promise<void> {
  // Two that start generations of their own would interrupt each other for ever.
  if (!options.preferred()) throw unavailable("another projector has to build the documents again");
  const done = await rebuild(options.store, options.tid, generation);
  if (!done.ok) throw new ProblemError(done.error);
}

/** No document of this epoch counts yet: says so, in a generation above everything that is there. */
async function claim({ store, tid }: ProjectionOptions, epoch: string, loaded: Loaded): Promise<void> {
  const position = { ...nowhere, epoch };
  const meta = encodeMeta({ g: loaded.newest + 1, p: projectionVersion, position });
  await store.netmap.put(metaKey(tid), meta, loaded.storedMeta?.revision ?? 0);
}

const unavailable = (message: string): ProblemError => new ProblemError(problem("unavailable", message));
