import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expiryPassed, goTime, goTimeMillis, parseGoTime } from "./time.ts";

test("the zero time is unset, however its offset is spelled", () => {
  for (const text of [
    "0001-01-01T00:00:00Z",
    "0001-01-01T02:00:00+02:00",
    "0000-12-31T16:00:00-08:00",
    "0000-12-31T16:08:00-07:52", // Los Angeles before time zones: Go cuts the seconds of the offset
    "0001-01-01T00:00:00.000Z",
  ])
    assert.equal(parseGoTime(text), null, text);
});

test("a logout's expiry is past in every zone, and unset is never past", () => {
  for (const text of ["1970-01-01T00:02:03Z", "1970-01-01T05:32:03+05:30", "1969-12-31T16:02:03-08:00"]) {
    assert.equal(parseGoTime(text), 123_000, text);
    assert.ok(expiryPassed(goTimeMillis(text), 1_700_000_000_000));
  }
  assert.ok(!expiryPassed(null, 1_700_000_000_000));
  assert.ok(!expiryPassed(1_700_000_000_001, 1_700_000_000_000));
});

test("fractions are cut to milliseconds", () => {
  assert.equal(parseGoTime("1970-01-01T00:00:00.1Z"), 100);
  assert.equal(parseGoTime("1970-01-01T00:00:00.123456789Z"), 123);
  assert.equal(parseGoTime("1970-01-01T00:00:00.000999999Z"), 0);
});

test("what is no RFC 3339 time is refused", () => {
  for (const text of [
    "",
    "2026-01-01",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-02-30T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00z",
    "2026-01-01T0:00:00Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+0200",
    "2026-01-01T00:00:00+24:00",
    "+010000-01-01T00:00:00Z",
  ])
    assert.equal(parseGoTime(text), undefined, text);
  assert.equal(parseGoTime("2024-02-29T00:00:00Z"), Date.UTC(2024, 1, 29));
});

test("printed times have no needless digits and read back as they were", () => {
  assert.equal(goTime(1_700_000_000_000), "2023-11-14T22:13:20Z");
  assert.equal(goTime(1_700_000_000_100), "2023-11-14T22:13:20.1Z");
  assert.equal(goTime(1_700_000_000_010), "2023-11-14T22:13:20.01Z");
  const first = Date.parse("0002-01-01T00:00:00Z");
  fc.assert(
    fc.property(fc.integer({ min: first, max: Date.parse("9999-12-31T23:59:59.999Z") }), (at) => {
      assert.equal(parseGoTime(goTime(at)), at);
      assert.equal(Date.parse(goTime(at)), at);
    }),
    { numRuns: 200 },
  );
  for (const at of [first - 1, Date.parse("+010000-01-01T00:00:00Z"), Number.NaN])
    assert.throws(() => goTime(at), RangeError);
});
