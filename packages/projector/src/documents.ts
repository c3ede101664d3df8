// Writes documents of one tailnet. Every put names the revision it replaces; what is in the bucket with an equal or
// higher mark stays, so racing projectors, paused ones and repeated rounds are harmless.

import { documentKey, parseDocumentKey, persistedTables, tableOf } from "@hydrascale/core/domain/documents";
import type { TableName } from "@hydrascale/core/domain/documents";
import type { FoldPosition, TailnetFold } from "@hydrascale/core/domain/fold";
import {
  compareMarks,
  covers,
  encodeDocument,
  encodeMeta,
  furthest,
  metaKey,
  parseDocument,
  parseMeta,
  projectionVersion,
} from "@hydrascale/core/domain/snapshot/document";
import type { Document, Mark } from "@hydrascale/core/domain/snapshot/document";
import { knownOf } from "@hydrascale/core/domain/snapshot/load";
import type { Known } from "@hydrascale/core/domain/snapshot/load";
import { ProblemError } from "@hydrascale/core/lib/errors";
import type { RowId } from "@hydrascale/core/lib/table";
import type { Bucket, BucketEntry } from "@hydrascale/core/store/ports";

/** A row that changed; `seq` is the message that did it, which a row that went does not know itself. */
export interface Dirty {
  readonly table: TableName;
  readonly id: RowId;
  readonly seq: number;
}

/**
 * `newer`: somebody writes a later generation; `lost`: the bucket no longer holds what it held. Either way this writer
 * is over. `later`: not now, try again.
 */
export type Written = "stored" | "present" | "later" | "newer" | "lost";

export interface KnownMeta {
  readonly revision: number;
  readonly g: number;
  readonly position: FoldPosition;
}

const tombstoneSeconds = 7 * 24 * 3_600;
const putTries = 8;
const atOnce = 16;

export const tableOrder: ReadonlyMap<TableName, number> = new Map(
  persistedTables.map(({ name }, place) => [name, place]),
);

const logOf = new Map(persistedTables.map(({ log, name }) => [name, log]));

export class DocumentWriter {
  readonly generation: number;
  private readonly bucket: Bucket;
  private readonly fold: TailnetFold;
  private readonly known: Map<string, Known>;
  private metaKnown: KnownMeta | undefined;

  constructor(
    bucket: Bucket,
    fold: TailnetFold,
    generation: number,
    known: ReadonlyMap<string, Known>,
    meta: KnownMeta | undefined,
  ) {
    this.bucket = bucket;
    this.fold = fold;
    this.generation = generation;
    this.known = new Map(known);
    this.metaKnown = meta;
  }

  /** What a watcher saw. Keeps this writer from writing what another has written. */
  saw(key: string, entry: BucketEntry | undefined): void {
    if (key === metaKey(this.fold.tid)) this.sawMeta(entry);
    else this.remember(key, entry);
  }

  /**
   * The documents of these rows, table by table in the order of documents.ts. Those that have to be tried again.
   * `changedSince`: has the row changed again since `dirty` was drawn up?
   */
  async writeAll(
    dirty: readonly Dirty[],
    changedSince: (one: Dirty) => boolean = () => false,
  ): Promise<{ readonly left: readonly Dirty[]; readonly newer: boolean }> {
    const left: Dirty[] = [];
    const sorted = [...dirty].sort((a, b) => (tableOrder.get(a.table) ?? 0) - (tableOrder.get(b.table) ?? 0));
    for (let from = 0; from < sorted.length;) {
      const table = sorted[from]?.table;
      const group = sorted.slice(from, from + atOnce).filter((one) => one.table === table);
      from += group.length;
      const results = await Promise.all(group.map((one) => this.write(one, changedSince)));
      if (results.includes("newer")) return { left: dirty, newer: true };
      left.push(...group.filter((_, i) => results[i] === "later"));
      // What comes in a later table may be derived from what could not be written here.
      if (left.length > 0) return { left: [...left, ...sorted.slice(from)], newer: false };
    }
    return { left, newer: false };
  }

  private async write(one: Dirty, changedSince: (one: Dirty) => boolean): Promise<Written> {
    const { id, seq, table } = one;
    const rows = tableOf(this.fold, table);
    const row = rows.get(id);
    // It went by a message of the next round: only then is the sequence known, and what is derived from it written.
    if (row === undefined && changedSince(one)) return "later";
    const s = row === undefined ? seq : rows.seqOf(id);
    return this.put(documentKey(this.fold.tid, table, id), {
      g: this.generation,
      p: projectionVersion,
      s,
      d: row ?? null,
    });
  }

  /** Turns what is left of earlier generations, and stands for no row, into tombstones. How many; undefined: not now. */
  async entombLeftovers(): Promise<number | undefined> {
    const leftovers = [...this.known].filter(
      ([, { mark, tombstone }]) => !tombstone && mark.g < this.generation,
    );
    let entombed = 0;
    for (const [key] of leftovers) {
      const place = parseDocumentKey(key);
      // What a newer release keeps under keys unknown here is not ours to judge.
      if (place === undefined || tableOf(this.fold, place.table).has(place.id)) continue;
      const s = logOf.get(place.table) === "act" ? this.fold.actCursor : this.fold.evtCursor;
      const outcome = await this.put(key, { g: this.generation, p: projectionVersion, s, d: null });
      if (outcome === "later" || outcome === "newer") return undefined;
      entombed++;
    }
    return entombed;
  }

  /** Says that every document has reached `position`. Only rises: what others have reached is kept. */
  async writeMeta(position: FoldPosition): Promise<Written> {
    const key = metaKey(this.fold.tid);
    for (let attempt = 0; attempt < putTries; attempt++) {
      const known = this.metaKnown;
      if (known !== undefined && known.g > this.generation) return "newer";
      const comparable =
        known !== undefined && known.g === this.generation && known.position.epoch === position.epoch;
      if (comparable && covers(known.position, position)) return "present";
      const next = comparable ? furthest(known.position, position) : position;
      const value = encodeMeta({ g: this.generation, p: projectionVersion, position: next });
      const outcome = await this.bucket.put(key, value, known?.revision ?? 0);
      if (outcome.kind === "stored") {
        this.metaKnown = { revision: outcome.revision, g: this.generation, position: next };
        return "stored";
      }
      if (outcome.kind !== "conflict" || !(await this.reread(key))) return "later";
      // Meta is never removed. A bucket without it was made again, and lacks the other documents too.
      if (known !== undefined && (this.metaKnown?.revision ?? 0) < known.revision) return "lost";
    }
    return "later";
  }

  /** False when the bucket went back behind what was written into it: made again, or its tail lost with the server. */
  async stillThere(): Promise<boolean> {
    const known = this.metaKnown?.revision ?? 0;
    const entry = await this.bucket.get(metaKey(this.fold.tid));
    return (entry?.revision ?? 0) >= known;
  }

  private async put(key: string, document: Document): Promise<Written> {
    for (let attempt = 0; attempt < putTries; attempt++) {
      const known = this.known.get(key);
      if (known !== undefined && known.mark.g > this.generation) return "newer";
      if (known !== undefined && compareMarks(known.mark, document) >= 0) return "present";
      const ttl = document.d === null ? tombstoneSeconds : undefined;
      const outcome = await this.bucket.put(key, encodeDocument(document), known?.revision ?? 0, ttl);
      if (outcome.kind === "stored") {
        this.learn(key, { mark: document, revision: outcome.revision, tombstone: document.d === null });
        return "stored";
      }
      if (outcome.kind !== "conflict" || !(await this.reread(key))) return "later";
    }
    return "later";
  }

  private async reread(key: string): Promise<boolean> {
    try {
      const entry = await this.bucket.get(key);
      // What the leader says replaces what was known, even by something of a lower revision.
      if (key === metaKey(this.fold.tid)) this.metaKnown = undefined;
      else this.known.delete(key);
      this.saw(key, entry);
      return true;
    } catch (error) {
      if (error instanceof ProblemError) return false;
      throw error;
    }
  }

  private remember(key: string, entry: BucketEntry | undefined): void {
    const document = entry === undefined ? undefined : parseDocument(entry.value);
    if (entry === undefined) this.known.delete(key);
    else if (document === undefined)
      // Damaged: anything is better, and its revision is what has to be named.
      this.known.set(key, { mark: lowest, revision: entry.revision, tombstone: false });
    else this.learn(key, knownOf(entry, document));
  }

  private learn(key: string, known: Known): void {
    const before = this.known.get(key);
    if (before === undefined || before.revision < known.revision) this.known.set(key, known);
  }

  private sawMeta(entry: BucketEntry | undefined): void {
    const meta = entry === undefined ? undefined : parseMeta(entry.value);
    if (entry === undefined) return;
    if (this.metaKnown === undefined || this.metaKnown.revision < entry.revision) {
      const { g, position } = meta ?? { g: 0, position: nowhere };
      this.metaKnown = { revision: entry.revision, g, position };
    }
  }
}

const lowest: Mark = { g: 0, p: 0, s: 0 };
/** The position of a document that says none. */
export const nowhere: FoldPosition = {
  epoch: "",
  evt: { seq: 0, id: "" },
  evtCursor: 0,
  evtSubjectSeq: 0,
  actCursor: 0,
  boots: [],
};
