import assert from "node:assert/strict";
import { test } from "node:test";
import { isExpired, nextExpiry } from "./expiry.ts";

test("an expiry holds from its own millisecond on, and null never ends", () => {
  assert.deepEqual(
    [9, 10, 11].map((now) => isExpired({ expiry: 10 }, now)),
    [false, true, true],
  );
  assert.equal(isExpired({ expiry: null }, Number.MAX_SAFE_INTEGER), false);
});

test("the next expiry is the soonest that is still to come", () => {
  const rows = [30, null, 10, 20].map((expiry) => ({ expiry }));
  assert.deepEqual(
    [0, 10, 25, 30].map((now) => nextExpiry(rows, now)),
    [10, 20, 30, undefined],
  );
});
