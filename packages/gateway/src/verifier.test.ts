// The gateway's fold held against what a projector writes (design rule 4).

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeDocument, parseDocument } from "@hydrascale/core/domain/snapshot/document";
import { silentLog } from "@hydrascale/core/obs/log";
import { runProjector } from "@hydrascale/projector/run";
import { join, settle, startBench } from "@hydrascale/test/support/bench";
import { must } from "@hydrascale/test/support/nats";
import { Verifier } from "./verifier.ts";

test("every document that a projector writes is looked at, and one that differs is named", async () => {
  const bench = await startBench();
  const { clock, replica, store } = bench;
  const verdicts: string[] = [];
  const counters = {
    inc: (_name: string, labels: Readonly<Record<string, string>> = {}): void => {
      verdicts.push(labels["verdict"] ?? "");
    },
  };
  const verifier = new Verifier({ netmap: store.netmap, replica, log: silentLog, counters });
  await clock.complete(verifier.start());
  const options = { store: store.connect(), id: "p", version: "1", clock, log: silentLog, counters };
  const projector = must(await clock.complete(runProjector({ ...options, tid: replica.tid })));
  await settle(bench);
  const node = await join(bench, 1);
  await clock.advance(5000);
  assert.ok(verdicts.filter((v) => v === "equal").length >= 5, verdicts.join());
  assert.ok(!verdicts.includes("different"));

  const key = `${replica.tid}.node.${node}`;
  const entry = await clock.complete(store.netmap.get(key));
  const document = entry === undefined ? undefined : parseDocument(entry.value);
  assert.ok(entry !== undefined && document !== undefined);
  const wrong = encodeDocument({ ...document, d: { ...(document.d as object), name: "other" } });
  await clock.complete(store.netmap.put(key, wrong, entry.revision));
  await clock.advance(1000);
  assert.deepEqual([...verifier.differences.keys()], [key]);

  await clock.complete(projector.stop());
  await clock.complete(verifier.stop());
  await bench.stop();
});
