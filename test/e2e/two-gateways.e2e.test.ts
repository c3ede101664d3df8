// Two gateways on one store: whatever began at one goes on at the other.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryStore } from "@hydrascale/core/store/memory";
import { TestClient } from "../support/client/control.ts";
import { TestGateway, loginId } from "../support/gateway.ts";
import { LeapClock } from "../support/leap-clock.ts";

const clock = new LeapClock();
let store: MemoryStore;
let one: TestGateway;
let two: TestGateway;
let ada: string;

before(async () => {
  store = createMemoryStore({ clock });
  one = await TestGateway.start({ clock, store });
  two = await TestGateway.start({ clock, store });
  ada = await one.user("ada");
});
after(async () => {
  const findings = [...one.lint(), ...two.lint()];
  await two.stop();
  await one.stop();
  await store.close();
  assert.deepEqual(findings, []);
});

test("both are one installation: one Noise key, each other's users and keys", async () => {
  const [a, b] = [await one.client(), await two.client()];
  assert.equal(a.serverKey, b.serverKey);
  const { key } = await two.preAuthKey({ user: ada });
  assert.equal((await a.register({ authKey: key })).MachineAuthorized, true);
});

test("a login begun at one is listed, approved and told at the other, and the first is woken", async () => {
  const client = await one.client();
  const url = (await client.register()).AuthURL ?? "";
  const waitingHere = client.register({ followup: url });
  const there = await two.client({ machineKey: client.machine, nodeKey: client.node });
  const waitingThere = there.register({ followup: url });
  const { pending } = await two
    .ask("GET", "/api/v1/auth")
    .then((body) => ({ pending: JSON.stringify(body) }));
  assert.ok(pending.includes(loginId(url)));
  await two.ask("POST", "/api/v1/auth/register", { user: "ada", authId: loginId(url) });
  assert.equal((await waitingHere).MachineAuthorized, true);
  assert.equal((await waitingThere).MachineAuthorized, true);
  await there.up();
});

test("a login begun at one and denied at the other gets the denial at both", async () => {
  const client = await one.client();
  const url = (await client.register()).AuthURL ?? "";
  const waiting = client.register({ followup: url });
  await two.ask("POST", "/api/v1/auth/reject", { authId: loginId(url) });
  assert.match((await waiting).Error ?? "", /denied/);
});

test("a one-time key raced at both lets in exactly one", async () => {
  for (let round = 0; round < 5; round++) {
    const { key } = await one.preAuthKey({ user: ada });
    const racers = await Promise.all([one.client(), two.client(), one.client(), two.client()]);
    await Promise.all(racers.map((racer) => racer.link()));
    const answers = await Promise.all(racers.map((racer) => racer.register({ authKey: key })));
    assert.equal(answers.filter((a) => a.MachineAuthorized === true).length, 1);
    assert.equal(answers.filter((a) => /already used/.test(a.Error ?? "")).length, 3);
  }
});

test("registrations at both at once share no address and no name", async () => {
  const { key } = await one.preAuthKey({ user: ada, reusable: true });
  const clients = await Promise.all(
    Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? one : two).client({ hostname: "twin" })),
  );
  await Promise.all(clients.map((client) => client.register({ authKey: key })));
  const nodes = clients.map((client) => one.nodeOf(client));
  assert.equal(new Set(nodes.map((n) => n?.addresses.v4)).size, 12);
  assert.equal(new Set(nodes.map((n) => n?.addresses.v6)).size, 12);
  assert.equal(new Set(nodes.map((n) => n?.name)).size, 12);
});

test("presence, endpoints and deletions cross from one to the other, and a stream moves without a blip", async () => {
  const watcher = await one.joined(ada);
  const seen = await watcher.up();
  const client = await two.joined(ada);
  const stream = await client.up({ endpoints: ["192.0.2.1:1"] });
  const id = two.nodeOf(client)?.id ?? 0;
  await seen.until(
    (n) => n.peers.get(id)?.Online === true && n.peers.get(id)?.Endpoints?.[0] === "192.0.2.1:1",
  );

  const moved = await TestClient.create({ url: one.url, machineKey: client.machine, nodeKey: client.node });
  one.clients.push(moved);
  const from = seen.messages.length;
  const next = await moved.up();
  await stream.ended;
  await clock.leap(15_000);
  assert.ok(next.open);
  for (const message of seen.messages.slice(from))
    assert.notEqual(message.PeersChangedPatch?.find((p) => p.NodeID === id)?.Online, false);

  // A lite update that comes by the other gateway counts against the session here.
  await client.lite({ endpoints: ["192.0.2.7:7"] });
  await seen.until((n) => n.peers.get(id)?.Endpoints?.[0] === "192.0.2.7:7");
  await two.ask("DELETE", `/api/v1/node/${id}`);
  await seen.until((n) => !n.peers.has(id));
  await next.ended;
});

test("what one gateway answered, the other shows at once", async () => {
  for (let n = 0; n < 20; n++) {
    const id = await one.user(`quick${n}`);
    const { users } = await two.ask("GET", `/api/v1/user?id=${id}`);
    assert.equal(users.length, 1);
  }
});

test("a gateway that is killed is ended by the other, and its clients are on line again where they come back", async () => {
  const third = await TestGateway.start({ clock, store });
  const watcher = await one.joined(ada);
  const seen = await watcher.up();
  const client = await third.joined(ada);
  await client.up();
  const id = third.nodeOf(client)?.id ?? 0;
  await seen.until((n) => n.peers.get(id)?.Online === true);
  await third.kill();
  await clock.leap(45_000);
  await seen.until((n) => n.peers.get(id)?.Online === false && (n.peers.get(id)?.LastSeen ?? "") !== "");
  const back = await two.client({ machineKey: client.machine, nodeKey: client.node });
  await back.up();
  await seen.until((n) => n.peers.get(id)?.Online === true);
});

test("a damaged document keeps no gateway from starting: the logs have everything", async () => {
  const key = "main.node.4711";
  const put = await store.netmap.put(key, new Uint8Array([1]), 0);
  const three = await TestGateway.start({ clock, store });
  assert.ok(three.gateway.tailnet.directory.index.userByName("ada") !== undefined);
  assert.ok(three.lines.some((line) => line.includes("the read model is damaged")));
  await three.stop();
  assert.ok(put.kind === "stored");
  await store.netmap.delete(key, put.revision);
});
