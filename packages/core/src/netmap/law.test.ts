import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NodeId } from "../domain/ids.ts";
import { Dirty } from "./dirty.ts";
import { fieldNames } from "./fields.ts";
import { lawRun } from "./testing/law.ts";

test("deltas applied to the first map give the map of now, over random histories", () => {
  const first = Number(process.env["LAW_SEED"] ?? Date.now() % 1_000_000);
  for (let seed = first; seed < first + 60; seed++) lawRun(seed, 60);
});

const ids = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });
const dirty = fc
  .record({
    fields: fc.subarray([...fieldNames]),
    come: ids,
    gone: ids,
    changed: ids,
    profiles: ids,
    patched: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 127 })), {
      maxLength: 5,
    }),
  })
  .map((parts) => {
    const made = new Dirty();
    for (const name of parts.fields) made.fields.add(name);
    for (const key of ["come", "gone", "changed"] as const)
      for (const id of parts[key]) made[key].add(id as NodeId);
    for (const id of parts.profiles) made.profiles.add(id);
    for (const [id, bits] of parts.patched) made.patch(id as NodeId, bits);
    return made;
  });

const merged = (...parts: readonly Dirty[]): Dirty => {
  const all = new Dirty();
  for (const part of parts) all.add(part);
  return all;
};

test("merging dirty sets is a union: order and repetition do not matter", () => {
  fc.assert(
    fc.property(dirty, dirty, dirty, (a, b, c) => {
      assert.deepEqual(merged(a, b), merged(b, a));
      assert.deepEqual(merged(merged(a, b), c), merged(a, merged(b, c)));
      assert.deepEqual(merged(a, a, b, a), merged(a, b));
    }),
  );
});
