// A few kills for every run of the suite; `npm run chaos -- --kills 50` is the whole of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newSeed, runCampaign } from "./campaign.ts";

test("killed five times under load, nothing acknowledged is missing or there twice, and clients come back", async (t) => {
  const seed = newSeed() % 1_000_000_000;
  t.diagnostic(`seed ${seed}`);
  const report = await runCampaign({ kills: 5, seed, workers: 8, holders: 3 });
  assert.deepEqual(report.violations, [], `seed ${seed}`);
  assert.ok(report.operations.ok > 20, `only ${report.operations.ok} operations succeeded`);
});
