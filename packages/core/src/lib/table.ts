// A table of rows: the unit that a fold is made of. Rows are immutable values; a change replaces the row.
// Each row knows the sequence of the message that changed it last, which makes it a document of the read model.
// A journal records what a scratch evaluation changed, so that it can be taken back: cost follows the change.

export type RowId = string | number;

/** One row's change, as observers see it: `before`/`after` are undefined when the row did not / does not exist. */
export interface RowChange<V = unknown> {
  readonly table: string;
  readonly id: RowId;
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/** Collects the changes of one message or of one scratch run, in order. */
export class Journal {
  readonly changes: RowChange[] = [];
  private readonly undo: (() => void)[] = [];

  record(change: RowChange, undo: () => void): void {
    this.changes.push(change);
    this.undo.push(undo);
  }

  /** Puts every table back to what it was when the journal was opened. */
  rollback(): void {
    for (let i = this.undo.length - 1; i >= 0; i--) this.undo[i]?.();
    this.undo.length = 0;
    this.changes.length = 0;
  }
}

/** Where tables write their changes; one per fold, shared by its tables. */
export interface JournalSlot {
  journal: Journal | undefined;
  /** Sequence of the message being applied. */
  seq: number;
}

/** Called on every change of a row, rollbacks and loads included: what an index follows. */
export type OnChange<K extends RowId, V extends object> = (
  before: V | undefined,
  after: V | undefined,
  id: K,
  seq: number,
) => void;

export class Table<K extends RowId, V extends object> {
  readonly name: string;
  private readonly slot: JournalSlot;
  private readonly onChange: OnChange<K, V> | undefined;
  private readonly rows = new Map<K, V>();
  private readonly seqs = new Map<K, number>();
  /** Sequences that loaded rows (and tombstones) already reflect: older messages leave them alone. */
  private readonly loaded = new Map<K, number>();

  constructor(name: string, slot: JournalSlot, onChange?: OnChange<K, V>) {
    this.name = name;
    this.slot = slot;
    this.onChange = onChange;
  }

  get size(): number {
    return this.rows.size;
  }

  get(id: K): V | undefined {
    return this.rows.get(id);
  }

  has(id: K): boolean {
    return this.rows.has(id);
  }

  /** Sequence of the message that changed the row last; 0 when there is no such row. */
  seqOf(id: K): number {
    return this.seqs.get(id) ?? 0;
  }

  values(): IterableIterator<V> {
    return this.rows.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.rows.entries();
  }

  set(id: K, row: V): void {
    if (!this.reflects(id)) this.write(id, row, this.slot.seq);
  }

  delete(id: K): void {
    if (this.rows.has(id) && !this.reflects(id)) this.write(id, undefined, this.slot.seq);
  }

  /**
   * Puts a row in as loaded from a document (undefined: its tombstone), with the sequence that it reflects.
   * Documents are written before the position they belong to, so a fold that resumes from that position meets
   * messages which some rows already hold: `set` and `delete` at or below the loaded sequence do nothing.
   */
  load(id: K, row: V | undefined, seq: number): void {
    this.write(id, row, seq);
    this.loaded.set(id, seq);
  }

  private reflects(id: K): boolean {
    const seq = this.loaded.get(id);
    return seq !== undefined && this.slot.seq <= seq;
  }

  private write(id: K, row: V | undefined, seq: number): void {
    const before = this.rows.get(id);
    const beforeSeq = this.seqs.get(id);
    this.put(id, row, seq);
    this.slot.journal?.record({ table: this.name, id, before, after: row }, () =>
      this.put(id, before, beforeSeq ?? 0),
    );
  }

  private put(id: K, row: V | undefined, seq: number): void {
    const before = this.rows.get(id);
    if (row === undefined) {
      this.rows.delete(id);
      this.seqs.delete(id);
    } else {
      this.rows.set(id, row);
      this.seqs.set(id, seq);
    }
    this.onChange?.(before, row, id, seq);
  }
}
