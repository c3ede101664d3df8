import { test } from "node:test";
import fc from "fast-check";
import { fuzzTargets } from "./fuzz-targets.ts";

for (const target of fuzzTargets)
  test(`${target.name}: no input gets anything but an answer or the reader's own error`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => target.feed(bytes)),
      { numRuns: 50 },
    );
  });
