// How a gateway starts from documents, and what it leaves behind when it cannot.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Config } from "@hydrascale/core/config/schema";
import type { BootId, TailnetId } from "@hydrascale/core/domain/ids";
import { encodeDocument, encodeMeta, metaKey } from "@hydrascale/core/domain/snapshot/document";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { silentLog } from "@hydrascale/core/obs/log";
import { createMetrics } from "@hydrascale/core/obs/metrics";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryStore } from "@hydrascale/core/store/memory";
import { newBootId } from "./boot.ts";
import { runGateway } from "./run.ts";

const tid = "main" as TailnetId;

const start = (store: MemoryStore, clock: FakeClock) =>
  runGateway({
    store,
    config: {} as Config, // not looked at before the documents are
    tid,
    clock,
    log: silentLog,
    metrics: createMetrics({ process: false }),
    version: "0",
    clusterKey: undefined,
    boot: newBootId(),
    predecessors: [] as readonly BootId[],
    nats: () => ({ connected: true, server: "", version: "" }),
    onLost: () => {},
  });

test("nothing is served from documents that are ahead of the log, and nothing runs on", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const position = {
    epoch: "e1",
    evt: { seq: 0, id: "" },
    evtCursor: 0,
    evtSubjectSeq: 0,
    actCursor: 0,
    boots: [],
  };
  await store.netmap.put(metaKey(tid), encodeMeta({ g: 1, p: 1, position }), 0);
  const ahead = encodeDocument({ g: 1, p: 1, s: 50, d: { name: "main", createdAt: 1 } });
  await store.netmap.put(`${tid}.tailnet.tailnet`, ahead, 0);
  const started = await clock.complete(start(store, clock));
  assert.equal(started.ok, false);
  if (!started.ok) assert.match(started.error.message, /sequence 50 not reached/);
  let timers = 0;
  const after = clock.after.bind(clock);
  clock.after = (ms, run) => {
    timers++;
    return after(ms, run);
  };
  await clock.advance(60_000);
  assert.equal(timers, 0);
});
