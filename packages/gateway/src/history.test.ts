// The log as the audit reads it, void messages marked, whatever sequence it is read from.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEvt } from "@hydrascale/core/domain/codec";
import type { EvtMessage } from "@hydrascale/core/domain/message";
import { evtSubject } from "@hydrascale/core/domain/message";
import { settle, startBench } from "@hydrascale/test/support/bench";
import { history } from "./history.ts";

test("messages of another epoch or predecessor are void, and the chain goes on behind them", async () => {
  const bench = await startBench();
  await settle(bench);
  const { evt } = bench.store;
  const last = bench.fold.evt;
  const message: EvtMessage = {
    v: 1,
    epoch: bench.fold.epoch,
    prev: last,
    id: "spoilt",
    gw: bench.boot.current,
    decisions: [
      {
        id: "c" as never,
        by: { kind: "local", name: "test" },
        at: 1,
        events: [{ kind: "UserDeleted", user: 1 as never }],
        result: { kind: "done" },
      },
    ],
  };
  const append = async (spoilt: EvtMessage): Promise<void> => {
    const outcome = await evt.append(
      evtSubject(bench.tailnet.tid),
      bench.fold.evtSubjectSeq,
      encodeEvt(spoilt),
    );
    assert.equal(outcome.kind, "stored");
    await bench.clock.advance(10);
  };
  await append({ ...message, epoch: "another" });
  await append({ ...message, prev: { seq: 1, id: "elsewhere" } });
  await bench.must({ kind: "CreateUser", name: "bob" });
  const read = async (from: number) => {
    const entries = [];
    for await (const entry of history(evt, bench.tailnet.tid, bench.fold.epoch, from)) entries.push(entry);
    return entries;
  };
  const all = await read(1);
  assert.deepEqual(
    all.map((e) => e.seq),
    all.map((_, n) => n + 1),
  );
  assert.deepEqual(
    all.slice(-3).map((e) => e.valid),
    [false, false, true],
  );
  assert.ok(all.slice(0, -3).every((e) => e.valid));
  const tail = await read(last.seq);
  assert.deepEqual(
    tail.map((e) => e.valid),
    [true, false, false, true],
  );
  assert.equal(bench.count("void_messages"), 2);
  assert.ok(bench.fold.directory.users.has(1 as never));
  await bench.stop();
});
