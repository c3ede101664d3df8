// Presence (design rules 5 and 6) at one and at two gateways, on a clock that stands still.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@hydrascale/core/domain/ids";
import { FakeResponse, connecting, join, settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";

async function tailnet(): Promise<{ bench: Bench; a: NodeId; b: NodeId }> {
  const bench = await startBench();
  await settle(bench);
  return { bench, a: await join(bench, 1), b: await join(bench, 2) };
}

async function connect(bench: Bench, node: NodeId): Promise<FakeResponse> {
  const response = new FakeResponse();
  await bench.clock.complete(bench.tailnet.sessions.connect(connecting(node, response)));
  return response;
}

const online = (bench: Bench, node: NodeId): boolean => bench.fold.live.live.get(node)?.online === true;

test("the first map leaves only after the arrival counted", async () => {
  const { bench, a } = await tailnet();
  bench.store.control.link(false);
  const response = new FakeResponse();
  const connected = bench.tailnet.sessions.connect(connecting(a, response));
  await bench.clock.advance(3000);
  assert.equal(response.frames.length, 0);
  assert.equal(online(bench, a), false);
  bench.store.control.link(true);
  await bench.clock.complete(connected);
  assert.equal(response.messages.length, 1);
  assert.equal(online(bench, a), true);
  await bench.stop();
});

test("a client that leaves while its arrival is being stored is off line after the grace", async () => {
  const { bench, a } = await tailnet();
  bench.store.control.link(false);
  const response = new FakeResponse();
  const connected = bench.tailnet.sessions.connect(connecting(a, response));
  await bench.clock.advance(100);
  response.leave();
  bench.store.control.link(true);
  await bench.clock.complete(connected);
  assert.equal(online(bench, a), true);
  await bench.clock.advance(11_000);
  assert.equal(online(bench, a), false);
  assert.equal(bench.tailnet.sessions.size, 0);
  await bench.stop();
});

test("a stream that ended is off line after 10 s and not before; one that came back never was", async () => {
  const { bench, a, b } = await tailnet();
  (await connect(bench, a)).leave();
  (await connect(bench, b)).leave();
  await bench.clock.advance(9000);
  assert.deepEqual([online(bench, a), online(bench, b)], [true, true]);
  const back = await connect(bench, b);
  await bench.clock.advance(15_000);
  assert.deepEqual([online(bench, a), online(bench, b)], [false, true]);
  assert.equal(back.ended, false);
  await bench.stop();
});

test("a second stream of a node ends the first, at this gateway and at another", async () => {
  const { bench, a } = await tailnet();
  const other = await startBench({ clock: bench.clock, store: bench.store });
  const first = await connect(bench, a);
  const second = await connect(bench, a);
  assert.deepEqual([first.ended, first.wasReset, second.ended], [true, false, false]);
  const third = await connect(other, a);
  await bench.clock.advance(10);
  assert.deepEqual([second.ended, third.ended], [true, false]);
  await bench.clock.advance(20_000);
  assert.deepEqual([online(bench, a), online(other, a)], [true, true]);
  assert.deepEqual([bench.tailnet.sessions.size, other.tailnet.sessions.size], [0, 1]);
  await other.stop();
  await bench.stop();
});

test("two streams of a node that open at once end as one", async () => {
  const { bench, a } = await tailnet();
  const responses = [new FakeResponse(), new FakeResponse()];
  await bench.clock.complete(
    Promise.all(responses.map((r) => bench.tailnet.sessions.connect(connecting(a, r)))),
  );
  await bench.clock.advance(20_000);
  assert.equal(responses.filter((r) => r.ended).length, 1);
  assert.equal(online(bench, a), true);
  assert.equal(bench.tailnet.sessions.size, 1);
  await bench.stop();
});

test("a boot whose lease is gone is ended by another gateway, fenced, and goes on under a new id", async () => {
  const { bench, a } = await tailnet();
  const other = await startBench({ clock: bench.clock, store: bench.store });
  const watcher = await connect(other, await join(other, 3));
  const stream = await connect(bench, a);
  const boot = bench.boot.current;
  bench.store.control.link(false);
  await bench.clock.advance(45_000);
  assert.equal(other.fold.live.boots.get(boot)?.ended, true);
  assert.equal(online(other, a), false);
  assert.ok(watcher.messages.some((m) => JSON.stringify(m).includes('"Online":false')));
  // Nothing is said by anybody here: that it was ended must reach it by the log alone.
  bench.store.control.link(true);
  await bench.clock.advance(5000);
  assert.notEqual(bench.boot.current, boot);
  assert.equal(stream.ended, true);
  const again = await connect(bench, a);
  await bench.clock.advance(10);
  assert.equal(online(other, a), true);
  assert.equal(again.messages.length, 1);
  assert.equal(bench.count("fenced"), 1);
  await other.stop();
  await bench.stop();
});

test("a live boot is not ended by anybody", async () => {
  const { bench, a } = await tailnet();
  const other = await startBench({ clock: bench.clock, store: bench.store });
  await connect(bench, a);
  await bench.clock.advance(120_000);
  assert.equal(other.fold.live.boots.get(bench.boot.current)?.ended, false);
  assert.equal(online(other, a), true);
  await other.stop();
  await bench.stop();
});

test("a successor that knows its predecessor is gone ends it at once", async () => {
  const { bench, a } = await tailnet();
  await connect(bench, a);
  bench.store.control.link(false);
  const successor = await startBench({ clock: bench.clock, store: bench.store });
  assert.equal(online(successor, a), true);
  const ended = successor.tailnet.mourner.end(bench.boot.current, bench.clock.now());
  assert.equal(await bench.clock.complete(ended), true);
  assert.equal(online(successor, a), false);
  await successor.stop();
  await bench.stop();
});

test("stopping while the log is away ends, and takes nobody's place", async () => {
  const { bench, a } = await tailnet();
  await connect(bench, a);
  bench.store.control.link(false);
  void bench.tailnet.moved(bench.fold.directory.nodes.get(a)!, { endpoints: ["192.0.2.9:9"] });
  const before = bench.clock.monotonic();
  await bench.stop();
  assert.ok(bench.clock.monotonic() - before < 20_000);
});

test("nothing is kept of a node that was deleted while it arrived, or while no gateway ran", async () => {
  const { bench, a, b } = await tailnet();
  const { act } = bench.store;
  const append = act.append.bind(act);
  act.append = async (...args) => {
    await new Promise<void>((resolve) => bench.clock.after(2000, resolve));
    return append(...args);
  };
  const response = new FakeResponse();
  const connected = bench.tailnet.sessions.connect(connecting(a, response));
  await bench.clock.advance(1000);
  await bench.must({ kind: "DeleteNode", node: a });
  await bench.clock.complete(connected);
  assert.ok(bench.fold.live.live.has(a));
  await bench.clock.advance(15_000);
  assert.ok(!bench.fold.live.live.has(a));

  act.append = append;
  await connect(bench, b);
  act.append = () => Promise.resolve({ kind: "unknown", reason: "ends now" });
  await bench.must({ kind: "DeleteNode", node: b });
  const kept = bench.store.connect();
  await bench.stop();
  const next = await startBench({ clock: bench.clock, store: kept });
  await bench.clock.advance(100);
  assert.ok(!next.fold.live.live.has(b));
  await next.stop();
  await kept.close();
});

test("a gateway that was frozen between two looks ends nobody by what it knew before", async () => {
  const { bench, a } = await tailnet();
  const other = await startBench({ clock: bench.clock, store: bench.store });
  await connect(bench, a);
  const { lease } = other.store;
  const get = lease.get.bind(lease);
  // The other gateway believes for a while that the lease is gone; its last answer takes half a minute to be read.
  let looks = 0;
  let release: (() => void) | undefined;
  lease.get = async (key) => {
    if (!key.endsWith(bench.boot.current)) return get(key);
    if (++looks < 2) return undefined;
    await new Promise<void>((resolve) => {
      release ??= resolve;
    });
    lease.get = get;
    return undefined;
  };
  const renew = other.lease.renew.bind(other.lease);
  other.lease.renew = () => Promise.resolve(false);
  await bench.clock.advance(35_000);
  assert.ok(looks >= 2 && release !== undefined);
  release();
  await bench.clock.advance(10);
  assert.equal(bench.fold.live.boots.get(bench.boot.current)?.ended, false);
  assert.equal(online(bench, a), true);
  other.lease.renew = renew;
  await other.stop();
  await bench.stop();
});
