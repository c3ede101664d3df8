import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Heap } from "./heap.ts";

test("a heap gives what is due in order of time, and nothing early", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.integer({ min: 0, max: 50 }), (times, now) => {
      const heap = new Heap<number>();
      for (const t of times) heap.push(t, t);
      const got: number[] = [];
      for (let v = heap.popDue(now); v !== undefined; v = heap.popDue(now)) got.push(v);
      assert.deepEqual(
        got,
        times.filter((t) => t <= now).sort((a, b) => a - b),
      );
      assert.equal(heap.size, times.length - got.length);
    }),
  );
});
