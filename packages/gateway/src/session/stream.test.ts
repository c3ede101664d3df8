// A map stream and the pace that feeds it, on a clock that stands still.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@hydrascale/core/domain/ids";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { FakeResponse, connecting, join, settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";
import { Pace } from "./pace.ts";
import type { Paced } from "./pace.ts";

async function connected(): Promise<{
  bench: Bench;
  watcher: FakeResponse;
  peer: NodeId;
  stream: FakeResponse;
}> {
  const bench = await startBench();
  await settle(bench);
  const watcher = new FakeResponse();
  const own = await join(bench, 1);
  const peer = await join(bench, 2);
  await bench.clock.complete(bench.tailnet.sessions.connect(connecting(own, watcher)));
  const stream = new FakeResponse();
  await bench.clock.complete(bench.tailnet.sessions.connect(connecting(peer, stream)));
  await bench.clock.advance(100);
  return { bench, watcher, peer, stream };
}

const move = (bench: Bench, node: NodeId, port: number): Promise<boolean> =>
  bench.tailnet.moved(bench.fold.directory.nodes.get(node)!, { endpoints: [`192.0.2.1:${1000 + port}`] });

test("a change on an idle stream leaves at once", async () => {
  const { bench, watcher, peer } = await connected();
  await bench.clock.advance(1000);
  const before = watcher.frames.length;
  await move(bench, peer, 5);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(watcher.frames.length, before + 1);
  await bench.stop();
});

test("a burst of changes is two messages at most, and the last state is the last sent", async () => {
  const { bench, watcher, peer } = await connected();
  await bench.clock.advance(1000);
  const before = watcher.messages.length;
  for (let n = 1; n <= 50; n++) await move(bench, peer, n);
  await bench.clock.advance(200);
  const burst = watcher.messages.slice(before);
  assert.ok(burst.length <= 2, `${burst.length} messages`);
  assert.match(JSON.stringify(burst.at(-1)), /192\.0\.2\.1:1050/);
  await bench.stop();
});

test("a silent stream gets a keep-alive every 50 to 60 s, one that is written to does not", async () => {
  const { bench, watcher, peer } = await connected();
  const alive = (): number => watcher.texts.filter((text) => text.trimEnd() === '{"KeepAlive":true}').length;
  await bench.clock.advance(49_000);
  assert.equal(alive(), 0);
  await bench.clock.advance(11_000);
  assert.equal(alive(), 1);
  await bench.clock.advance(240_000);
  assert.ok(alive() >= 4 && alive() <= 6, `${alive()} in 5 minutes`);
  const before = alive();
  for (let n = 1; n <= 6; n++) {
    await move(bench, peer, n);
    await bench.clock.advance(30_000);
  }
  assert.equal(alive(), before);
  await bench.stop();
});

test("a client that stops reading costs nothing more, and gets what is true when it reads again", async () => {
  const { bench, watcher, peer } = await connected();
  watcher.reads = false;
  await move(bench, peer, 1);
  await bench.clock.advance(100);
  const held = watcher.frames.length;
  for (let n = 2; n <= 40; n++) {
    await move(bench, peer, n);
    await bench.clock.advance(500);
  }
  assert.equal(watcher.frames.length, held);
  watcher.drain();
  await bench.clock.advance(100);
  assert.equal(watcher.frames.length, held + 1);
  assert.match(JSON.stringify(watcher.messages.at(-1)), /192\.0\.2\.1:1040/);
  await bench.stop();
});

test("a client that took nothing for 120 s is reset, and its node is off line after the grace", async () => {
  const { bench, watcher, peer, stream } = await connected();
  stream.reads = false;
  await bench.must({ kind: "RenameNode", node: peer, name: "renamed" });
  await bench.clock.advance(119_000);
  assert.equal(stream.wasReset, false);
  await bench.clock.advance(2000);
  assert.equal(stream.wasReset, true);
  assert.equal(watcher.wasReset, false);
  await bench.clock.advance(11_000);
  assert.equal(bench.fold.live.live.get(peer)?.online, false);
  await bench.stop();
});

test("a ping goes out at once, and counts as a sign of life", async () => {
  const { bench, watcher } = await connected();
  const node = bench.fold.directory.nodes.get(1 as NodeId)!;
  await bench.clock.advance(45_000);
  const pinged = bench.tailnet.pingNode(node.id);
  assert.match(watcher.texts.at(-1) ?? "", /PingRequest.*ping-response\?id=[0-9a-f]{32}/);
  const answer = await bench.clock.complete(pinged);
  assert.ok(!answer.ok && answer.error.code === "unavailable");
  await bench.clock.advance(30_000);
  assert.ok(!watcher.texts.some((text) => text.includes("KeepAlive")));
  await bench.stop();
});

const paced = (log: number[], n: number, bytes = 10): Paced => ({
  lastPush: Number.NEGATIVE_INFINITY,
  push: () => {
    log.push(n);
    return bytes;
  },
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a turn serves 16 clients at most, and everybody in the end, once", async () => {
  const pace = new Pace(new FakeClock());
  const log: number[] = [];
  const sessions = Array.from({ length: 40 }, (_, n) => paced(log, n));
  for (const session of [...sessions, ...sessions]) pace.mark(session);
  await turn();
  assert.equal(log.length, 16);
  await turn();
  assert.equal(log.length, 32);
  await turn();
  await turn();
  assert.deepEqual(
    log,
    sessions.map((_, n) => n),
  );
});

test("a turn writes some 256 KB at most", async () => {
  const pace = new Pace(new FakeClock());
  const log: number[] = [];
  for (let n = 0; n < 6; n++) pace.mark(paced(log, n, 200_000));
  await turn();
  assert.equal(log.length, 2);
});

test("a session that was just served rests for 40 ms, one that is dropped is not served", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock);
  const log: number[] = [];
  const [one, other] = [paced(log, 1), paced(log, 2)];
  pace.mark(one);
  await turn();
  pace.mark(one);
  pace.mark(one);
  await clock.advance(39);
  assert.deepEqual(log, [1]);
  await clock.advance(2);
  assert.deepEqual(log, [1, 1]);
  pace.mark(other);
  pace.drop(other);
  await clock.advance(100);
  assert.deepEqual(log, [1, 1]);
});
