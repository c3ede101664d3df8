// Fold(all) = fold(documents) + fold(rest) (design rule 3), where the documents are what a projector that was killed
// in the middle of a round left behind: some are ahead of the position in meta.

import assert from "node:assert/strict";
import { loadRow, persistedTables } from "@hydrascale/core/domain/documents";
import type { TableName } from "@hydrascale/core/domain/documents";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import type { FoldPosition } from "@hydrascale/core/domain/fold";
import { Random, applyRecord, contentsOf, randomHistory, rowsOf } from "../support/history.ts";
import type { History, StoredRow } from "../support/history.ts";

const steps = 60;

interface Document {
  readonly table: TableName;
  readonly id: string | number;
  readonly seq: number;
  /** undefined: a tombstone. */
  readonly row: string | undefined;
}

interface Moment {
  readonly rows: readonly StoredRow[];
  readonly position: FoldPosition;
}

const tables = persistedTables.map(({ name }) => name);
const logOf = new Map(persistedTables.map(({ name, log }) => [name, log]));
const keyOf = ({ table, id }: { table: string; id: string | number }): string => `${table} ${id}`;

/** The fold after the first `count` records. */
function momentAt({ tid, epoch, records }: History, count: number): Moment {
  const fold = new TailnetFold(tid, epoch);
  for (const record of records.slice(0, count)) applyRecord(fold, record);
  return { rows: rowsOf(fold), position: fold.position() };
}

const stored = ({ table, id, seq, row }: StoredRow): Document => ({
  table: table as TableName, // rows come from persistedTables
  id,
  seq,
  row: JSON.stringify(row),
});

/** What a round from `meta` to `later` has to write, in the order in which it does. */
function round(meta: Moment, later: Moment): Document[] {
  const had = new Map(meta.rows.map((row) => [keyOf(row), row.seq]));
  const has = new Set(later.rows.map(keyOf));
  const changed = later.rows.filter((row) => had.get(keyOf(row)) !== row.seq).map(stored);
  const gone = meta.rows
    .filter((row) => !has.has(keyOf(row)))
    .map(stored)
    .map(({ table, id }): Document => {
      const { evtCursor, actCursor } = later.position;
      return { table, id, seq: logOf.get(table) === "act" ? actCursor : evtCursor, row: undefined };
    });
  return [...changed, ...gone].sort((a, b) => tables.indexOf(a.table) - tables.indexOf(b.table));
}

export function checkFold(seed: number): void {
  const history = randomHistory(seed, steps);
  const { tid, epoch, records } = history;
  const random = new Random(seed ^ 0x5eed);
  const first = random.int(records.length + 1);
  const meta = momentAt(history, first);
  const later = momentAt(history, first + random.int(records.length + 1 - first));
  const writes = round(meta, later);
  const documents = new Map(meta.rows.map((row) => [keyOf(row), stored(row)]));
  for (const write of writes.slice(0, random.int(writes.length + 1))) documents.set(keyOf(write), write);

  const resumed = new TailnetFold(tid, epoch);
  resumed.resume(meta.position);
  for (const { table, id, row, seq } of documents.values()) {
    const loaded = loadRow(resumed, table, id, row === undefined ? undefined : JSON.parse(row), seq);
    assert.ok(loaded.ok, `a document of ${table} is refused`);
  }
  for (const record of records.slice(first)) applyRecord(resumed, record);
  assert.deepEqual(contentsOf(resumed), contentsOf(history.fold));
}
