// What time alone brings about, on a clock that stands still: expiry at its moment, ephemeral nodes after their time.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@hydrascale/core/domain/ids";
import { FakeResponse, connecting, join, settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";

const timeout = 120_000;

async function connect(bench: Bench, node: NodeId): Promise<FakeResponse> {
  const response = new FakeResponse();
  await bench.clock.complete(bench.tailnet.sessions.connect(connecting(node, response)));
  await bench.clock.advance(100);
  return response;
}

const selves = (response: FakeResponse): unknown[] => response.messages.filter((m) => "Node" in m);

test("an expiry is told at its time, once, and to nobody before", async () => {
  const bench = await startBench();
  await settle(bench);
  const node = await join(bench, 1);
  const stream = await connect(bench, node);
  await bench.must({ kind: "SetNodeExpiry", node, expiry: bench.clock.now() + 60_000 });
  await bench.clock.advance(100);
  const before = selves(stream).length;
  await bench.clock.advance(59_000);
  assert.equal(selves(stream).length, before);
  await bench.clock.advance(1500);
  assert.equal(selves(stream).length, before + 1);
  await bench.clock.advance(600_000);
  assert.equal(selves(stream).length, before + 1);
  await bench.stop();
});

test("an expiry that was taken back or put off is not told at the old time", async () => {
  const bench = await startBench();
  await settle(bench);
  const [a, b] = [await join(bench, 1), await join(bench, 2)];
  const [first, second] = [await connect(bench, a), await connect(bench, b)];
  const at = bench.clock.now() + 60_000;
  await bench.must({ kind: "SetNodeExpiry", node: a, expiry: at });
  await bench.must({ kind: "SetNodeExpiry", node: b, expiry: at });
  await bench.must({ kind: "SetNodeExpiry", node: a, expiry: null });
  await bench.must({ kind: "SetNodeExpiry", node: b, expiry: at + 60_000 });
  await bench.clock.advance(1000);
  const counts = [selves(first).length, selves(second).length];
  await bench.clock.advance(65_000);
  assert.deepEqual([selves(first).length, selves(second).length], counts);
  await bench.clock.advance(60_000);
  assert.deepEqual([selves(first).length, selves(second).length], [counts[0], (counts[1] ?? 0) + 1]);
  await bench.stop();
});

test("an expiry beyond what a timer can wait comes all the same", async () => {
  const bench = await startBench();
  await settle(bench);
  const node = await join(bench, 1);
  const days = 40 * 24 * 3_600_000;
  let longest = 0;
  const after = bench.clock.after.bind(bench.clock);
  bench.clock.after = (ms, run) => {
    longest = Math.max(longest, ms);
    return after(ms, run);
  };
  await bench.must({ kind: "SetNodeExpiry", node, expiry: bench.clock.now() + days });
  assert.ok(longest > 0 && longest <= 2 ** 31 - 1);
  await bench.stop();
});

test("an ephemeral node goes after its time off line; one that is here, came back or is no such node stays", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const [left, here, back, plain] = [
    await join(bench, 1, true),
    await join(bench, 2, true),
    await join(bench, 3, true),
    await join(bench, 4),
  ];
  const streams = [];
  for (const node of [left, here, back, plain]) streams.push(await connect(bench, node));
  for (const n of [0, 2, 3]) streams[n]?.leave();
  await bench.clock.advance(60_000);
  await connect(bench, back);
  await bench.clock.advance(timeout - 60_000 - 5000);
  const exists = (node: NodeId): boolean => bench.fold.directory.nodes.has(node);
  assert.deepEqual([left, here, back, plain].map(exists), [true, true, true, true]);
  await bench.clock.advance(20_000);
  assert.deepEqual([left, here, back, plain].map(exists), [false, true, true, true]);
  await bench.stop();
});

test("an ephemeral node that never polled goes after its time", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const node = await join(bench, 1, true);
  await bench.clock.advance(timeout - 5000);
  assert.ok(bench.fold.directory.nodes.has(node));
  await bench.clock.advance(10_000);
  assert.ok(!bench.fold.directory.nodes.has(node));
  await bench.stop();
});

test("after a restart the time counts from when a gateway serves again, so that an outage deletes nobody", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const node = await join(bench, 1, true);
  (await connect(bench, node)).leave();
  await bench.clock.advance(15_000);
  const kept = bench.store.connect();
  await bench.stop();
  await bench.clock.advance(10 * timeout);
  const next = await startBench({ clock: bench.clock, store: kept });
  await bench.clock.advance(timeout - 5000);
  assert.ok(next.fold.directory.nodes.has(node));
  await bench.clock.advance(10_000);
  assert.ok(!next.fold.directory.nodes.has(node));
  await next.stop();
  await kept.close();
});

test("a sweep that the log did not take is tried again; two gateways sweep to one deletion", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const two = await startBench({ clock: bench.clock, store: bench.store });
  const node = await join(bench, 1, true);
  await bench.clock.advance(timeout - 2000);
  bench.store.control.available(false);
  await bench.clock.advance(6000);
  assert.ok(bench.fold.directory.nodes.has(node));
  bench.store.control.available(true);
  await bench.clock.advance(40_000);
  assert.ok(!bench.fold.directory.nodes.has(node));
  assert.ok(!two.fold.directory.nodes.has(node));
  let deletions = 0;
  for await (const entry of bench.tailnet.history(1))
    for (const decision of entry.message.decisions)
      deletions += decision.events.filter((e) => e.kind === "NodeDeleted").length;
  assert.equal(deletions, 1);
  await two.stop();
  await bench.stop();
});

test("an outage of the store counts as no absence: who was away when it began has the whole time again", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const node = await join(bench, 1, true);
  await bench.clock.advance(60_000);
  bench.store.control.available(false);
  await bench.clock.advance(2 * timeout);
  bench.store.control.available(true);
  await bench.clock.advance(timeout - 10_000);
  assert.ok(bench.fold.directory.nodes.has(node));
  await bench.clock.advance(30_000);
  assert.ok(!bench.fold.directory.nodes.has(node));
  await bench.stop();
});

test("a node that comes back while its deletion is due stays, whichever log is slower", async () => {
  const bench = await startBench();
  await settle(bench, { ephemeralTimeout: timeout });
  const node = await join(bench, 1, true);
  await bench.clock.advance(timeout - 2000);
  const { act } = bench.store;
  const append = act.append.bind(act);
  act.append = async (...args) => {
    await new Promise<void>((resolve) => bench.clock.after(3000, resolve));
    return append(...args);
  };
  const response = new FakeResponse();
  const connected = bench.tailnet.sessions.connect(connecting(node, response));
  await bench.clock.advance(30_000);
  await connected;
  assert.ok(bench.fold.directory.nodes.has(node));
  assert.equal(bench.fold.live.live.get(node)?.online, true);
  await bench.stop();
});

test("a gateway that has not heard of a node's return elsewhere asks before it deletes the node", async () => {
  // Nothing comes by the feed: everybody learns by asking, now and then.
  const bench = await startBench({ faults: { seed: 1, feedDrop: 1 } });
  await settle(bench, { ephemeralTimeout: timeout });
  const two = await startBench({ clock: bench.clock, store: bench.store });
  const node = await join(bench, 1, true);
  const gone = (bench.fold.directory.nodes.get(node)?.authAt ?? 0) + timeout;
  await bench.clock.advance(gone - bench.clock.now() - 20);
  await connect(two, node);
  await bench.clock.advance(20_000);
  assert.ok(two.fold.directory.nodes.has(node));
  await two.stop();
  await bench.stop();
});

test("when the wall clock jumps, what is due by it happens within half a minute", async () => {
  const bench = await startBench();
  await settle(bench);
  const node = await join(bench, 1);
  const stream = await connect(bench, node);
  await bench.must({ kind: "SetNodeExpiry", node, expiry: bench.clock.now() + 8 * 3_600_000 });
  await bench.clock.advance(1000);
  const before = selves(stream).length;
  const now = bench.clock.now.bind(bench.clock);
  bench.clock.now = () => now() + 9 * 3_600_000;
  await bench.clock.advance(31_000);
  assert.equal(selves(stream).length, before + 1);
  await bench.stop();
});
