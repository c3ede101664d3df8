// The installation's secrets: made once, whoever comes first; sealed where there is a key; never opened by another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import { derive, loadSecrets } from "./secret.ts";

type Loaded = Awaited<ReturnType<typeof loadSecrets>>;
const textsOf = (loaded: Loaded | undefined): string[] => {
  assert.ok(loaded?.ok);
  return Object.values(loaded.value).map((secret) => Buffer.from(secret).toString("hex"));
};

const clusterKey = new Uint8Array(32).fill(9);

test("gateways that start together agree on secrets of 32 bytes, all different", async () => {
  for (const key of [undefined, clusterKey]) {
    const clock = new FakeClock();
    const store = createMemoryStore({
      clock,
      faults: { seed: 3, delayMs: 20, lostAck: 0.3, timeoutMs: 100 },
    });
    const loads = [store, store.connect(), store.connect()].map((s) => loadSecrets(s.secret, key));
    const loaded = await clock.complete(Promise.all(loads));
    const texts = textsOf(loaded[0]);
    for (const other of loaded) assert.deepEqual(textsOf(other), texts);
    assert.ok(texts.every((text) => text.length === 64));
    assert.equal(new Set(texts).size, 3);
  }
});

test("sealed secrets do not stand in the store, and open with their key alone", async () => {
  const store = createMemoryStore({ clock: new FakeClock() });
  const loaded = await loadSecrets(store.secret, clusterKey);
  assert.ok(loaded.ok);
  for (const [name, secret] of Object.entries(loaded.value)) {
    const stored = Buffer.from((await store.secret.get(name))?.value ?? []);
    assert.ok(stored.length > 32 && !stored.includes(Buffer.from(secret)), name);
  }
  for (const wrong of [undefined, new Uint8Array(32)]) {
    const refused = await loadSecrets(store.secret, wrong);
    assert.ok(!refused.ok && refused.error.code === "setup");
  }
  assert.deepEqual(textsOf(await loadSecrets(store.secret, clusterKey)), textsOf(loaded));
});

test("a damaged secret and one moved to another name are refused, not replaced", async () => {
  const store = createMemoryStore({ clock: new FakeClock() });
  assert.ok((await loadSecrets(store.secret, clusterKey)).ok);
  const [noise, relay] = [await store.secret.get("noise"), await store.secret.get("relay")];
  assert.ok(noise !== undefined && relay !== undefined);
  await store.secret.put("noise", relay.value, noise.revision);
  assert.equal((await loadSecrets(store.secret, clusterKey)).ok, false);
  const swapped = await store.secret.get("noise");
  await store.secret.put("noise", Uint8Array.of(7, 7), swapped?.revision ?? 0);
  assert.equal((await loadSecrets(store.secret, clusterKey)).ok, false);
  assert.deepEqual((await store.secret.get("noise"))?.value, Uint8Array.of(7, 7));
});

test("parts are told apart by their borders", () => {
  const key = new Uint8Array(32);
  assert.notDeepEqual(derive(key, "ab", "c"), derive(key, "a", "bc"));
  assert.notDeepEqual(derive(key, "a"), derive(key, "a", ""));
});
