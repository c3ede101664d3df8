// The lease (design rule 6): a gateway is current while it was acked and caught up within 15 s, by its own clock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, startBench } from "@hydrascale/test/support/bench";
import { leaseKey, leaseTtlSeconds } from "./lease.ts";

test("it is renewed as long as the store answers, and is gone when it is given up", async () => {
  const bench = await startBench();
  const key = leaseKey(bench.boot.current);
  await bench.clock.advance(300_000);
  assert.equal(bench.lease.current, true);
  assert.ok((await bench.store.lease.get(key)) !== undefined);
  const other = bench.store.connect();
  await bench.stop();
  assert.equal(await other.lease.get(key), undefined);
  await other.close();
});

test("a gateway cut off is current for 15 s, its lease there for 20, and both come back with the store", async () => {
  const bench = await startBench();
  const watcher = bench.store.connect();
  await bench.clock.complete(bench.lease.renew());
  bench.store.control.link(false);
  await bench.clock.advance(14_900);
  assert.equal(bench.lease.current, true);
  await bench.clock.advance(200);
  assert.equal(bench.lease.current, false);
  await bench.clock.advance(leaseTtlSeconds * 1000 - 15_000);
  assert.equal(await watcher.lease.get(leaseKey(bench.boot.current)), undefined);
  bench.store.control.link(true);
  await bench.clock.advance(6000);
  assert.equal(bench.lease.current, true);
  assert.ok((await watcher.lease.get(leaseKey(bench.boot.current))) !== undefined);
  await watcher.close();
  await bench.stop();
});

test("an ack counts from when it was asked for: a late one makes nobody current", async () => {
  const bench = await startBench();
  const { lease } = bench.store;
  const put = lease.put.bind(lease);
  await bench.clock.advance(20_000);
  lease.put = async (...args) => {
    await new Promise<void>((resolve) => bench.clock.after(16_000, resolve));
    return put(...args);
  };
  await bench.clock.advance(40_000);
  assert.equal(bench.lease.current, false);
  assert.ok(bench.lease.ackAge >= 15_000);
  lease.put = put;
  await bench.clock.advance(30_000);
  assert.equal(bench.lease.current, true);
  await bench.stop();
});

test("an ack without having caught up is not enough", async () => {
  const bench = await startBench();
  await settle(bench);
  const { evt } = bench.store;
  const info = evt.info.bind(evt);
  evt.info = async () => ({ ...(await info()), lastSeq: bench.fold.evt.seq + 1 });
  await bench.clock.advance(20_000);
  assert.equal(bench.lease.current, false);
  assert.ok(bench.lease.ackAge < 15_000);
  evt.info = info;
  await bench.clock.advance(11_000);
  assert.equal(bench.lease.current, true);
  await bench.stop();
});

test("a put whose answer was lost does not lock the gateway out of its own lease", async () => {
  const bench = await startBench();
  const { lease } = bench.store;
  const put = lease.put.bind(lease);
  lease.put = async (...args) => {
    await put(...args);
    lease.put = put;
    return { kind: "unknown", reason: "time-out" };
  };
  assert.equal(await bench.clock.complete(bench.lease.renew()), false);
  assert.equal(await bench.clock.complete(bench.lease.renew()), true);
  await bench.stop();
});
