// The same gateway on a real nats-server: what was acknowledged is there after a restart, and clients come back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "@hydrascale/core/lib/clock";
import { TestGateway } from "../support/gateway.ts";
import { startTestNats } from "../support/nats.ts";
import type { TestNats } from "../support/nats.ts";

let nats: TestNats;
before(async () => {
  nats = await startTestNats();
});
after(() => nats.end());

test("clients join, see each other, and after a restart of the gateway are the same nodes on line again", async () => {
  const first = await TestGateway.start({ clock: systemClock, store: await nats.open("gateway") });
  const ada = await first.user("ada");
  const [a, b] = [await first.joined(ada), await first.joined(ada)];
  const seen = await a.up();
  await b.up({ endpoints: ["192.0.2.1:1"], homeDerp: 999 });
  const node = first.nodeOf(b);
  assert.ok(node !== undefined);
  await seen.until((n) => n.peers.get(node.id)?.HomeDERP === 999 && n.peers.get(node.id)?.Online === true);
  const boot = first.gateway.boot;
  await first.stop();

  const second = await TestGateway.start({
    clock: systemClock,
    store: await nats.open("gateway"),
    predecessor: boot,
  });
  const [a2, b2] = [
    await second.client({ machineKey: a.machine, nodeKey: a.node }),
    await second.client({ machineKey: b.machine, nodeKey: b.node }),
  ];
  assert.equal(a2.serverKey, a.serverKey);
  assert.equal((await b2.register()).MachineAuthorized, true);
  assert.deepEqual(second.nodeOf(b2), node);
  const again = await a2.up();
  assert.equal(again.netmap.peers.get(node.id)?.Online, false);
  assert.deepEqual(again.netmap.peers.get(node.id)?.Endpoints, ["192.0.2.1:1"]);
  await b2.up();
  await again.until((n) => n.peers.get(node.id)?.Online === true);
  const findings = [...first.lint(), ...second.lint()];
  await second.stop();
  assert.deepEqual(findings, []);
});
