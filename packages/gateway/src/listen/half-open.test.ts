import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@hydrascale/core/lib/clock";
import { HalfOpen } from "./half-open.ts";

/** A clock whose timers a test fires by hand; `timers` holds those still set. */
function manual(): { clock: Clock; timers: Set<() => void> } {
  const timers = new Set<() => void>();
  const after = (_ms: number, run: () => void): (() => void) => {
    timers.add(run);
    return () => timers.delete(run);
  };
  return { timers, clock: { now: () => 0, monotonic: () => 0, after } };
}

test("the oldest goes at the limit, each goes at its deadline, and no timer outlives its connection", () => {
  const { clock, timers } = manual();
  const dropped: string[] = [];
  const half = new HalfOpen<string>(clock, 2, 1000, (item, reason) => dropped.push(`${item} ${reason}`));
  half.add("a");
  half.add("b");
  half.add("c");
  assert.deepEqual(dropped, ["a limit"]);
  half.done("b");
  half.done("b");
  half.done("never there");
  assert.equal(half.size, 1);
  assert.equal(timers.size, 1);
  for (const run of timers) run();
  assert.deepEqual(dropped, ["a limit", "c deadline"]);
  assert.equal(timers.size, 0);
});
