// Projectors on a real server: two race while the server is killed, and the documents are the fold.

import assert from "node:assert/strict";
import { test } from "node:test";
import { contentsOf, randomHistory, rowsOf } from "../support/history.ts";
import { startTestNats } from "../support/nats.ts";
import { loadFold } from "@hydrascale/core/domain/snapshot/load";
import { systemClock } from "@hydrascale/core/lib/clock";
import { createLog } from "@hydrascale/core/obs/log";
import { noCounters } from "@hydrascale/core/obs/metrics";
import type { Log } from "@hydrascale/core/store/ports";
import { rebuild } from "@hydrascale/projector/rebuild";
import { runProjector } from "@hydrascale/projector/run";

async function until(what: string, check: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    assert.ok(performance.now() < deadline, `not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Appends as record `seq` until it is there; nobody else writes the log. */
async function put(log: Log, seq: number, subject: string, data: Uint8Array): Promise<void> {
  for (;;) {
    const head = await log.info().catch(() => undefined);
    if (head !== undefined && head.lastSeq >= seq) return;
    const last = await log.lastSeq(subject).catch(() => undefined);
    if (last !== undefined && (await log.append(subject, last, data)).kind === "stored") return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("two projectors over a killed server end with the documents of the fold, and a rebuild changes none", async () => {
  const nats = await startTestNats({ epoch: "e1" });
  try {
    const history = randomHistory(11, 60);
    const author = await nats.open();
    const log = createLog({ level: "error", format: "text", write: () => {} });
    const start = async (id: string) => {
      const options = { store: await nats.open("projector"), id, version: "1", clock: systemClock, log };
      const projector = await runProjector({ ...options, tid: history.tid, counters: noCounters });
      assert.ok(projector.ok);
      return projector.value;
    };
    const projectors = [await start("a"), await start("b")];
    const heads = { evt: 0, act: 0 };
    for (const [i, { data, log: name, seq, subject }] of history.records.entries()) {
      const stream = name === "evt" ? author.evt : author.act;
      // The history's sequences have gaps, as where other tailnets write.
      while (heads[name] + 1 < seq) {
        await put(stream, ++heads[name], name === "evt" ? "evt.other" : "act.other.b", new Uint8Array([1]));
      }
      await put(stream, seq, subject, data);
      heads[name] = seq;
      if (i === 30) process.kill(nats.child.pid, "SIGKILL");
    }
    const { act, evt } = { act: history.fold.actCursor, evt: history.fold.evtCursor };
    await until("the documents", () =>
      projectors
        .map((p) => p.status())
        .every(({ shown, waiting }) => shown.evt >= evt && shown.act >= act && waiting === 0),
    );
    const same = async (): Promise<void> => {
      const loaded = await loadFold(author.netmap, history.tid, "e1");
      assert.ok(loaded.ok);
      assert.deepEqual(contentsOf(loaded.value.fold), contentsOf(history.fold));
      const present = [...loaded.value.known.values()].filter(({ tombstone }) => !tombstone);
      assert.equal(present.length, rowsOf(history.fold).length);
    };
    await same();
    assert.equal(projectors.filter((projector) => projector.status().preferred).length, 1);
    await Promise.all(projectors.map((projector) => projector.stop()));
    const rebuilt = await rebuild(await nats.open("projector"), history.tid);
    assert.ok(rebuilt.ok && rebuilt.value.generation === 2);
    await same();
  } finally {
    await nats.end();
  }
});
