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
