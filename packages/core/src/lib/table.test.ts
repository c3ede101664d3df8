import assert from "node:assert/strict";
import { test } from "node:test";
import { Journal, Table } from "./table.ts";
import type { JournalSlot } from "./table.ts";

test("a rolled back journal leaves rows and sequences as they were", () => {
  const slot: JournalSlot = { journal: undefined, seq: 7 };
  const table = new Table<number, { readonly v: string }>("t", slot);
  table.set(1, { v: "a" });
  slot.journal = new Journal();
  slot.seq = 9;
  table.set(1, { v: "b" });
  table.set(2, { v: "c" });
  table.delete(1);
  assert.equal(slot.journal.changes.length, 3);
  slot.journal.rollback();
  assert.deepEqual([...table.entries()], [[1, { v: "a" }]]);
  assert.equal(table.seqOf(1), 7);
});

test("whoever follows a table sees every change of a row, loads and rollbacks included", () => {
  const slot: JournalSlot = { journal: undefined, seq: 1 };
  const seen: string[] = [];
  const table = new Table<number, { readonly v: string }>("t", slot, (before, after, id, seq) =>
    seen.push(`${id}@${seq} ${before?.v ?? "-"}>${after?.v ?? "-"}`),
  );
  table.load(1, { v: "a" }, 4);
  slot.journal = new Journal();
  slot.seq = 9;
  table.set(1, { v: "b" });
  table.delete(1);
  slot.journal.rollback();
  assert.deepEqual(seen, ["1@4 ->a", "1@9 a>b", "1@9 b>-", "1@9 ->b", "1@4 b>a"]);
});

test("a loaded row is left alone by the messages that it reflects already, and so is a tombstone", () => {
  const slot: JournalSlot = { journal: undefined, seq: 0 };
  const table = new Table<number, { readonly v: string }>("t", slot);
  table.load(1, { v: "new" }, 5);
  table.load(2, undefined, 5);
  for (slot.seq = 4; slot.seq <= 5; slot.seq++) {
    table.set(1, { v: "old" });
    table.delete(1);
    table.set(2, { v: "old" });
  }
  assert.deepEqual([...table.entries()], [[1, { v: "new" }]]);
  slot.seq = 6;
  table.set(2, { v: "again" });
  table.delete(1);
  assert.deepEqual([...table.entries()], [[2, { v: "again" }]]);
});
