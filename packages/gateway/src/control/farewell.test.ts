// A client that was away when its node was deleted is told once; nobody else learns anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "@hydrascale/core/domain/ids";
import type { MapRequest } from "@hydrascale/core/wire/tailcfg/map";
import { FakeResponse, join, settle, startBench } from "@hydrascale/test/support/bench";
import { machine, nodeKey } from "@hydrascale/test/support/given";
import { Farewells } from "./farewell.ts";

const poll = { Compress: "" } as MapRequest; // the one field that is looked at

async function deleted(isConnected: (node: NodeId) => boolean) {
  const bench = await startBench();
  await settle(bench);
  const node = await join(bench, 1);
  const farewells = new Farewells(bench.replica, isConnected);
  await bench.must({ kind: "DeleteNode", node });
  return { bench, farewells };
}

test("the first poll is told by an expired self and the end, the second nothing", async () => {
  const { bench, farewells } = await deleted(() => false);
  const response = new FakeResponse();
  assert.equal(farewells.tell(machine(1), nodeKey(1), poll, response), true);
  assert.equal(response.status, 200);
  assert.equal(response.ended, true);
  const self = response.messages[0]?.["Node"] as { Key: string; KeyExpiry: string };
  assert.equal(self.Key, nodeKey(1));
  assert.ok(Date.parse(self.KeyExpiry) < bench.clock.now());
  assert.equal(farewells.tell(machine(1), nodeKey(1), poll, new FakeResponse()), false);
  await bench.stop();
});

test("a machine that is not the node's is told nothing, and takes nothing from the one that is", async () => {
  const { bench, farewells } = await deleted(() => false);
  const stranger = new FakeResponse();
  assert.equal(farewells.tell(machine(2), nodeKey(1), poll, stranger), false);
  assert.equal(stranger.frames.length, 0);
  assert.equal(farewells.tell(machine(1), nodeKey(2), poll, stranger), false);
  assert.equal(farewells.tell(machine(1), nodeKey(1), poll, new FakeResponse()), true);
  await bench.stop();
});

test("a node that was connected when it was deleted was told by its stream", async () => {
  const { bench, farewells } = await deleted(() => true);
  assert.equal(farewells.tell(machine(1), nodeKey(1), poll, new FakeResponse()), false);
  await bench.stop();
});
