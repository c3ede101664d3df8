// What only a real server shows of the append protocol: time-outs with a ghost behind them, lost servers, permissions.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Follower, Log } from "@hydrascale/core/store/ports";
import { startTestNats } from "../support/nats.ts";
import type { TestNats } from "../support/nats.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

async function withNats(body: (nats: TestNats) => Promise<void>): Promise<void> {
  const nats = await startTestNats();
  try {
    await body(nats);
  } finally {
    await nats.end();
  }
}

async function until(what: string, check: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    assert.ok(performance.now() < deadline, `not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Every thread of the process stands still; `State` follows the name in parentheses (proc(5)). */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8")),
  );

interface Witness {
  readonly follower: Follower;
  readonly seqs: number[];
  readonly events: string[];
}

async function witness(log: Log): Promise<Witness> {
  const seqs: number[] = [];
  const events: string[] = [];
  const follower = await log.follow({
    after: 0,
    apply: (record) => seqs.push(record.seq),
    onHole: (missing) => events.push(`hole ${missing}`),
    onReset: () => events.push("reset"),
  });
  return { follower, seqs, events };
}

test("an append that timed out is a ghost: it lands later, and the retry conflicts with it", async () => {
  await withNats(async ({ child, open }) => {
    const store = await open("gateway");
    const seen = await witness(store.evt);
    assert.equal((await store.evt.append("evt.a", 0, text("first"))).kind, "stored");
    process.kill(child.pid, "SIGSTOP");
    let outcome;
    try {
      // The signal stops one thread after the other; one that still runs would answer.
      await until("every thread to stop", () => isStopped(child.pid));
      outcome = await store.evt.append("evt.a", 1, text("ghost"));
    } finally {
      process.kill(child.pid, "SIGCONT");
    }
    assert.equal(outcome.kind, "unknown");
    await until("the ghost", () => seen.seqs.length === 2);
    assert.deepEqual(await store.evt.append("evt.a", 1, text("ghost")), { kind: "conflict", lastSeq: 2 });
    await seen.follower.stop();
  });
});

test("a killed server loses nothing that was acknowledged, and followers go on by themselves", async () => {
  await withNats(async ({ child, open }) => {
    const [author, reader] = [await open("gateway"), await open("projector")];
    const seen = await witness(reader.evt);
    const watched: string[] = [];
    const stop = await reader.lease.watch("", (key) => watched.push(key));
    const exits: string[] = [];
    child.onExit((reason) => exits.push(reason));
    let last = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 40; i++) {
        const outcome = await author.evt.append("evt.a", last, text(`${round}.${i}`));
        assert.equal(outcome.kind, "stored");
        if (outcome.kind === "stored") last = outcome.seq;
      }
      await author.lease.put(`boot${round}`, text("x"), 0, 600);
      process.kill(child.pid, "SIGKILL");
      const during = await author.evt.append("evt.a", last, text("during"));
      if (during.kind === "stored") last = during.seq;
      else assert.equal(during.kind, "unknown");
      await until("the server", async () => {
        const now = await author.evt.lastSeq("evt.a").catch(() => -1);
        if (now >= 0) last = now;
        return now >= 0;
      });
    }
    await until("the follower", () => seen.follower.cursor === last);
    assert.ok(last >= 120);
    assert.deepEqual(
      seen.seqs,
      Array.from({ length: last }, (_, i) => i + 1),
    );
    assert.deepEqual(seen.events, []);
    await until("the watch", () => watched.length >= 3);
    assert.deepEqual([...new Set(watched)], ["boot0", "boot1", "boot2"]);
    assert.equal(exits.length, 3);
    await seen.follower.stop();
    await stop();
  });
});

test("without a stream the outcome is unknown; a stream made again resets its followers", async () => {
  await withNats(async ({ child, open }) => {
    const store = await open();
    await store.act.append("act.t.a", 0, text("1"));
    const seen = await witness(store.act);
    await store.link.api("STREAM.DELETE.ACT", {});
    assert.equal((await store.act.append("act.t.a", 1, text("2"))).kind, "unknown");
    const { provision } = await import("@hydrascale/core/jetstream/admin");
    const { systemClock } = await import("@hydrascale/core/lib/clock");
    const nats = { servers: [child.url], nkeySeed: child.seeds.admin, clock: systemClock };
    assert.ok((await provision({ nats, replicas: 1, epoch: "other" })).ok);
    await until("the reset", () => seen.events.length > 0);
    assert.deepEqual(seen.events, ["reset"]);
    assert.equal((await store.act.info()).epoch, "epoch-of-test");
  });
});

test("trimming ACT is no hole; EVT cannot be trimmed by anybody", async () => {
  await withNats(async ({ open }) => {
    const store = await open();
    for (let i = 0; i < 5; i++) {
      await store.act.append("act.t.a", i, text(`${i}`));
      await store.evt.append("evt.t", i, text(`${i}`));
    }
    await store.link.api("STREAM.PURGE.ACT", { seq: 4 });
    const seen = await witness(store.act);
    assert.deepEqual(seen.seqs, [4, 5]);
    const refused = [
      await store.link.api("STREAM.PURGE.EVT", {}),
      await store.link.api("STREAM.MSG.DELETE.EVT", { seq: 2 }),
    ];
    for (const answer of refused) assert.ok(JSON.stringify(answer).includes("error"));
    assert.deepEqual(await store.evt.info(), {
      firstSeq: 1,
      lastSeq: 5,
      messages: 5,
      epoch: "epoch-of-test",
    });
    await seen.follower.stop();
  });
});

test("a role is refused what is not its own, at once", async () => {
  await withNats(async ({ open }) => {
    const [gateway, projector] = [await open("gateway"), await open("projector")];
    const began = performance.now();
    const outcomes = [
      await gateway.netmap.put("t.node.1", text("x"), 0),
      await projector.evt.append("evt.a", 0, text("x")),
      await projector.secret.put("noise", text("x"), 0),
    ];
    assert.deepEqual(
      outcomes.map((o) => o.kind),
      ["refused", "refused", "refused"],
    );
    assert.ok(performance.now() - began < 1_500);
    await assert.rejects(gateway.link.api("STREAM.PURGE.ACT", {}));
    await assert.rejects(gateway.link.api("STREAM.DELETE.EVT", {}));
    assert.equal((await projector.netmap.put("t.node.1", text("x"), 0)).kind, "stored");
    assert.equal((await gateway.netmap.get("t.node.1"))?.value.length, 1);
    assert.equal((await gateway.secret.put("noise", text("x"), 0)).kind, "stored");
  });
});
