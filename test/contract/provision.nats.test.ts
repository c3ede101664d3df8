// Converging a server, and refusing one that must not be trusted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { provision } from "@hydrascale/core/jetstream/admin";
import { connectNats } from "@hydrascale/core/jetstream/connect";
import { openJetStream } from "@hydrascale/core/jetstream/open";
import { systemClock } from "@hydrascale/core/lib/clock";
import { must, startTestNats } from "../support/nats.ts";

test("converging makes everything once, repairs what drifted, and shows it first", async () => {
  const { child, end } = await startTestNats({ provision: false });
  try {
    const nats = { servers: [child.url], nkeySeed: child.seeds.admin, clock: systemClock };
    const options = { nats, replicas: 1, epoch: "first" };
    const planned = must(await provision({ ...options, dryRun: true }));
    assert.deepEqual(
      planned.map((c) => `${c.kind} ${c.stream}`),
      ["EVT", "ACT", "KV_netmap", "KV_lease", "KV_pending", "KV_secret"].map((s) => `create ${s}`),
    );
    assert.deepEqual(must(await provision(options)), planned);
    assert.deepEqual(must(await provision({ ...options, epoch: "second" })), []);
    const link = must(await connectNats({ ...nats, role: "admin" }));
    const config = async (): Promise<Record<string, unknown>> => {
      const answer = await link.api("STREAM.INFO.ACT", {});
      return (answer as { config: Record<string, unknown> }).config;
    };
    const { republish: _gone, ...drifted } = await config();
    await link.api("STREAM.UPDATE.ACT", { ...drifted, max_age: 3_600_000_000_000 });
    const changes = must(await provision({ ...options, dryRun: true }));
    assert.deepEqual(
      changes.map((c) => (c.kind === "update" ? `${c.stream} ${c.setting}` : c.kind)),
      ["ACT republish", "ACT max_age"],
    );
    assert.notDeepEqual((await config())["max_age"], 90 * 24 * 3600 * 1e9);
    must(await provision(options));
    assert.deepEqual((await config())["max_age"], 90 * 24 * 3600 * 1e9);
    assert.deepEqual(must(await provision(options)), []);
    assert.equal((await config())["metadata"] !== undefined, true);
    assert.match(JSON.stringify((await config())["metadata"]), /"epoch":"first"/);
    await link.close();
  } finally {
    await end();
  }
});

test("a stream that cannot be changed is refused by name, and nothing else is touched", async () => {
  const { child, end } = await startTestNats({ provision: false });
  try {
    const nats = { servers: [child.url], nkeySeed: child.seeds.admin, clock: systemClock };
    const link = must(await connectNats({ ...nats, role: "admin" }));
    await link.api("STREAM.CREATE.KV_lease", {
      name: "KV_lease",
      subjects: ["$KV.lease.>"],
      storage: "memory",
    });
    const refused = await provision({ nats, replicas: 1, epoch: "e" });
    assert.ok(!refused.ok);
    assert.equal(refused.error.code, "setup");
    assert.match(refused.error.message, /KV_lease.*storage.*memory.*file/);
    const names = await link.api("STREAM.NAMES", {});
    assert.deepEqual((names as { streams: string[] }).streams, ["KV_lease"]);
    await link.close();
  } finally {
    await end();
  }
});

test("a server that does not sync is refused unless the operator says so, and so is one without streams", async () => {
  const { child, end } = await startTestNats({ fsync: false, provision: false });
  try {
    const nats = { servers: [child.url], nkeySeed: child.seeds.gateway, clock: systemClock };
    const durability = { monitoring: [child.monitoringUrl] };
    const unsynced = await openJetStream({ ...nats, role: "gateway", durability });
    assert.ok(!unsynced.ok && unsynced.error.code === "setup");
    assert.match(unsynced.error.message, /not synced/);
    const bare = await openJetStream({ ...nats, role: "gateway", durability: "unchecked" });
    assert.ok(!bare.ok && bare.error.code === "setup");
    assert.match(bare.error.message, /stream EVT: not there/);
    must(await provision({ nats: { ...nats, nkeySeed: child.seeds.admin }, replicas: 1, epoch: "e" }));
    const allowed = must(await openJetStream({ ...nats, role: "gateway", durability: "unchecked" }));
    assert.ok((await allowed.ping()) >= 0);
    await allowed.close();
    const stranger = await openJetStream({
      ...nats,
      nkeySeed: "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
      role: "gateway",
      durability: "unchecked",
    });
    assert.ok(!stranger.ok && stranger.error.code === "setup");
    assert.ok(!stranger.error.message.includes("SUAC"));
  } finally {
    await end();
  }
});
