// Pending logins over the store in memory: one per device, bounded, finished anywhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoginId } from "@hydrascale/core/domain/ids";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import { machine, nodeKey, now } from "@hydrascale/test/support/given";
import { Logins } from "./logins.ts";
import { loginIdOf, loginUrl } from "./url.ts";
import type { PendingLogin } from "./pending.ts";

const asking = (n: number, from = "192.0.2.1"): Omit<PendingLogin, "id"> => ({
  machineKey: machine(n),
  nodeKey: nodeKey(n),
  oldNodeKey: null,
  facts: { host: { Hostname: `host${n}` }, routes: [], requestTags: [], capver: 142 },
  expiry: null,
  ephemeral: false,
  from,
  createdAt: now + n,
});

interface Here {
  readonly clock: FakeClock;
  readonly settled: Set<LoginId>;
  readonly one: Logins;
  readonly other: Logins;
}

async function gateways(): Promise<Here> {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const settled = new Set<LoginId>();
  const one = new Logins(store.pending, (id) => settled.has(id));
  const other = new Logins(store.connect().pending, (id) => settled.has(id));
  await clock.complete(Promise.all([one.start(), other.start()]));
  return { clock, settled, one, other };
}

async function begin(logins: Logins, what: Omit<PendingLogin, "id">): Promise<LoginId> {
  const begun = await logins.begin(what);
  assert.ok(begun.ok);
  return begun.value.id;
}

test("a device gets the login that it has, at whichever gateway it asks; another device its own", async () => {
  const { clock, one, other } = await gateways();
  const id = await begin(one, asking(1));
  await clock.advance(10);
  assert.equal(await begin(other, asking(1)), id);
  assert.equal(await begin(one, asking(1)), id);
  assert.notEqual(await begin(one, asking(2)), id);
  await clock.advance(10);
  assert.deepEqual(
    (await other.list()).map((login) => login.machineKey),
    [machine(1), machine(2)],
  );
});

test("after fifteen minutes a login is gone everywhere, and its device begins another", async () => {
  const { clock, one, other } = await gateways();
  const id = await begin(one, asking(1));
  await clock.advance(15 * 60_000 + 1000);
  assert.deepEqual(await one.list(), []);
  assert.equal(await other.get(id), undefined);
  assert.notEqual(await begin(other, asking(1)), id);
});

test("a decided login stays readable, is no longer listed, and its device begins anew", async () => {
  const { clock, settled, one, other } = await gateways();
  const id = await begin(one, asking(1));
  await clock.advance(10);
  settled.add(id);
  one.settled(id);
  other.settled(id);
  assert.equal((await one.get(id))?.id, id);
  assert.deepEqual(await one.list(), []);
  assert.notEqual(await begin(other, asking(1)), id);
});

test("a gateway that starts later lists what waits, and takes no decided login for a waiting one", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const settled = new Set<LoginId>();
  const one = new Logins(store.pending, (id) => settled.has(id));
  await clock.complete(one.start());
  const denied = await begin(one, asking(1));
  const waiting = await begin(one, asking(2));
  settled.add(denied);
  one.settled(denied);
  const later = new Logins(store.connect().pending, (id) => settled.has(id));
  await clock.complete(later.start());
  assert.deepEqual(
    (await later.list()).map((login) => login.id),
    [waiting],
  );
  assert.notEqual(await begin(later, asking(1)), denied);
});

for (const [what, address] of [
  ["one address", () => "198.51.100.7"],
  ["one IPv6 network", (n: number) => `2001:db8:1:2:${n.toString(16)}::1`],
] as const) {
  test(`a flood from ${what} takes room from itself alone, and never more than 1024 are kept`, async () => {
    const { clock, one } = await gateways();
    const others = [await begin(one, asking(1, "192.0.2.1")), await begin(one, asking(2, "2001:db8:9::1"))];
    const flood: LoginId[] = [];
    for (let n = 0; n < 2000; n++) flood.push(await begin(one, asking(10 + n, address(n))));
    await clock.advance(10);
    const kept = (await one.list()).map((login) => login.id);
    assert.equal(kept.length, 1024);
    for (const id of others) assert.ok(kept.includes(id));
    assert.equal(await one.get(flood[0] ?? others[0]!), undefined);
    assert.ok(kept.includes(flood.at(-1)!));
  });
}

test("a store that does not answer is an error for the client to try again, and nothing is remembered", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const logins = new Logins(store.pending, () => false);
  await clock.complete(logins.start());
  store.control.link(false);
  const begun = await logins.begin(asking(1));
  assert.ok(!begun.ok && begun.error.code === "unavailable");
  assert.deepEqual(await logins.list(), []);
});

test("a login URL leads back to its id, and nobody else's URL does", () => {
  const id = `hskey-authreq-${"ab".repeat(24)}` as LoginId;
  const server = "https://control.example.com";
  assert.equal(loginIdOf(server, loginUrl(server, id)), id);
  assert.equal(loginIdOf(server, loginUrl("https://other.example.com", id)), undefined);
  assert.equal(loginIdOf(server, `${server}/elsewhere/${id}`), undefined);
  assert.equal(loginIdOf(server, `${server}/register/${id}/more`), undefined);
  assert.equal(loginIdOf(server, ""), undefined);
});

test("logins that were completed take no room: the next one stays, however many there were", async () => {
  const { clock, settled, one } = await gateways();
  for (let n = 1; n <= 1024; n++) {
    const id = await begin(one, asking(n));
    settled.add(id);
    one.settled(id);
  }
  await clock.advance(10);
  const id = await begin(one, asking(2000));
  await clock.advance(10);
  assert.notEqual(await one.get(id), undefined);
  assert.deepEqual(
    (await one.list()).map((login) => login.id),
    [id],
  );
});

test("a device that asks twice at once gets one login, and a new one when it expired unheard", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock, faults: { seed: 1, delayMs: 20, feedDrop: 1 } });
  const logins = new Logins(store.pending, () => false);
  await clock.complete(logins.start());
  const both = await clock.complete(Promise.all([logins.begin(asking(1)), logins.begin(asking(1))]));
  const [id, again] = both.map((begun) => (begun.ok ? begun.value.id : undefined));
  assert.ok(id !== undefined);
  assert.equal(again, id);
  const late = { ...asking(1), createdAt: now + 16 * 60_000 };
  const anew = await clock.complete(logins.begin(late));
  assert.ok(anew.ok && anew.value.id !== id);
  assert.deepEqual(
    (await logins.list()).map((login) => login.id),
    [anew.value.id],
  );
  await clock.complete(logins.stop());
});
