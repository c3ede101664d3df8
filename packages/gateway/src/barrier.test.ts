// The barrier (design rule 2) and what it stands on: an ack of its own that is fresh, and the leader's last sequence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";

function watched(bench: Bench): { questions: number; acks: number } {
  const seen = { questions: 0, acks: 0 };
  const { evt, lease } = bench.store;
  const [lastSeq, put] = [evt.lastSeq.bind(evt), lease.put.bind(lease)];
  evt.lastSeq = (subject) => {
    seen.questions++;
    return lastSeq(subject);
  };
  lease.put = (...args) => {
    seen.acks++;
    return put(...args);
  };
  return seen;
}

test("one question serves all who ask in a turn; who comes later has one of its own", async () => {
  const bench = await startBench();
  await settle(bench);
  const seen = watched(bench);
  const together = await bench.clock.complete(
    Promise.all(Array.from({ length: 500 }, () => bench.tailnet.barrier())),
  );
  assert.ok(together.every((r) => r.ok));
  assert.equal(seen.questions, 1);
  await bench.clock.complete(bench.tailnet.barrier());
  assert.equal(seen.questions, 2);
  await bench.stop();
});

test("who asks while a question is under way does not get its answer", async () => {
  const bench = await startBench();
  await settle(bench);
  const seen = watched(bench);
  const first = bench.tailnet.barrier();
  await new Promise((resolve) => setImmediate(resolve));
  const second = bench.tailnet.barrier();
  await bench.clock.complete(Promise.all([first, second]));
  assert.equal(seen.questions, 2);
  await bench.stop();
});

test("an ack older than a second is renewed before the question, a fresh one is not", async () => {
  const bench = await startBench();
  await settle(bench);
  await bench.clock.complete(bench.lease.renew());
  const seen = watched(bench);
  await bench.clock.complete(bench.tailnet.barrier());
  assert.equal(seen.acks, 0);
  await bench.clock.advance(1500);
  const acks = seen.acks;
  await bench.clock.complete(bench.tailnet.barrier());
  assert.equal(seen.acks, acks + 1);
  await bench.stop();
});

test("it passes only once the fold has what the leader had", async () => {
  const bench = await startBench();
  await settle(bench);
  const { evt } = bench.store;
  evt.lastSeq = () => Promise.resolve(bench.fold.evt.seq + 1);
  let passed = false;
  const barrier = bench.tailnet.barrier().then((result) => {
    passed = result.ok;
  });
  await bench.clock.advance(1000);
  assert.equal(passed, false);
  await bench.must({ kind: "CreateUser", name: "bob" });
  await bench.clock.complete(barrier);
  assert.equal(passed, true);
  await bench.stop();
});

test("a log that cannot be reached is unavailable, within some seconds", async () => {
  const bench = await startBench();
  await settle(bench);
  bench.store.control.link(false);
  const began = bench.clock.monotonic();
  const passed = await bench.clock.complete(bench.tailnet.barrier());
  assert.ok(!passed.ok && passed.error.code === "unavailable");
  assert.ok(bench.clock.monotonic() - began <= 6000);
  await bench.stop();
});
