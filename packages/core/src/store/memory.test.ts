import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../lib/errors.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { storeContract } from "./contract.ts";
import type { MemoryFaults } from "./faults.ts";
import { createMemoryStore } from "./memory.ts";
import type { MemoryStore } from "./memory.ts";
import type { Follower, Log } from "./ports.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

storeContract("memory", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  return {
    store,
    connect: async () => store.connect(),
    pass: (ms) => clock.advance(ms),
    end: () => store.close(),
  };
});

interface Witness {
  readonly follower: Follower;
  readonly seqs: number[];
  readonly events: string[];
}

async function witness(log: Log, after = 0): Promise<Witness> {
  const seqs: number[] = [];
  const events: string[] = [];
  const follower = await log.follow({
    after,
    apply: (record) => seqs.push(record.seq),
    onHole: (missing) => events.push(`hole ${missing}`),
    onReset: () => events.push("reset"),
  });
  return { follower, seqs, events };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

async function fill(log: Log, subject: string, count: number): Promise<void> {
  let last = await log.lastSeq(subject);
  for (let i = 0; i < count; i++) {
    const outcome = await log.append(subject, last, text(`${i}`));
    assert.equal(outcome.kind, "stored");
    if (outcome.kind === "stored") last = outcome.seq;
  }
}

test("a follower that lost its connection has everything once it is back", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const other = store.connect();
  const seen = await witness(other.evt);
  await fill(store.evt, "evt.a", 3);
  other.control.link(false);
  await fill(store.evt, "evt.a", 400);
  assert.equal(seen.seqs.length, 3);
  await assert.rejects(other.evt.info(), ProblemError);
  other.control.link(true);
  await clock.advance(10);
  assert.deepEqual(seen.seqs, upTo(403));
  await seen.follower.stop();
});

test("a lost last feed message is found by the tick", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock, faults: { seed: 1, feedDrop: 1 } });
  const seen = await witness(store.evt);
  await fill(store.evt, "evt.a", 1);
  assert.deepEqual(seen.seqs, []);
  await clock.advance(2_000);
  assert.deepEqual(seen.seqs, [1]);
  await seen.follower.stop();
});

test("a hole in EVT stops the follower and is never skipped; below the first kept record of ACT it is normal", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  await fill(store.evt, "evt.a", 9);
  store.control.stream("EVT").lose(5);
  const evt = await clock.complete(witness(store.evt));
  assert.deepEqual(evt.seqs, [1, 2, 3, 4]);
  assert.deepEqual(evt.events, ["hole 5"]);
  await fill(store.evt, "evt.a", 1);
  await clock.advance(5_000);
  assert.equal(evt.seqs.length, 4);

  await fill(store.act, "act.t.b", 9);
  store.control.stream("ACT").trim(5);
  const act = await clock.complete(witness(store.act));
  assert.deepEqual(act.seqs, [5, 6, 7, 8, 9]);
  store.control.stream("ACT").trim(10);
  const late = await clock.complete(witness(store.act, 3));
  assert.equal(late.follower.cursor, 9);
  await fill(store.act, "act.t.c", 1);
  assert.deepEqual(late.seqs, [10]);
  store.control.stream("ACT").lose(10);
  const hole = await clock.complete(witness(store.act));
  assert.equal(hole.follower.cursor, 10);
  for (const each of [evt, act, late, hole]) await each.follower.stop();
});

test("a stream that was made again, or that ends before what was applied, is a reset", async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  await fill(store.evt, "evt.a", 3);
  const seen = await witness(store.evt);
  const wait = assert.rejects(seen.follower.reached(9, 60_000), ProblemError);
  store.control.stream("EVT").remake();
  await clock.advance(2_000);
  assert.deepEqual(seen.events, ["reset"]);
  await wait;
  await assert.rejects(seen.follower.reached(9, 60_000), ProblemError);
  await fill(store.evt, "evt.a", 5);
  assert.deepEqual(seen.seqs, [1, 2, 3]);
  const ahead = await witness(store.evt, 7);
  assert.deepEqual(ahead.events, ["reset"]);
});

/** Appends `count` records by the rules of the port, as dispatch does: an unknown outcome is looked up, not assumed. */
async function author(store: MemoryStore, me: string, count: number): Promise<void> {
  const mine = new Set<string>();
  let last = 0;
  const follower = await store.evt.follow({
    after: 0,
    apply: (record) => {
      last = record.seq;
      mine.add(new TextDecoder().decode(record.data));
    },
    onHole: (missing) => assert.fail(`hole ${missing}`),
    onReset: (reason) => assert.fail(reason),
  });
  for (let i = 0; i < count;) {
    const id = `${me}:${i}`;
    if (mine.has(id)) {
      i++;
      continue;
    }
    const outcome = await store.evt.append("evt.a", last, text(id));
    const target =
      outcome.kind === "stored" ? outcome.seq : outcome.kind === "conflict" ? outcome.lastSeq : last;
    await follower.reached(target, 30_000).catch(() => undefined);
    if (outcome.kind === "unknown") {
      const end = await store.evt.lastSeq("evt.a").catch(() => last);
      await follower.reached(end, 30_000).catch(() => undefined);
    }
  }
  await follower.stop();
}

test("under every fault three authors end with each record at most once per attempt and one order for all", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const faults: MemoryFaults = {
      seed,
      delayMs: 20,
      busy: 0.1,
      lostAck: 0.1,
      ghost: 0.1,
      twice: 0.1,
      feedDrop: 0.2,
      feedTwice: 0.2,
      outage: 0.05,
      outageMs: 3_000,
    };
    const clock = new FakeClock();
    const store = createMemoryStore({ clock, faults });
    const links = [store, store.connect(), store.connect()];
    const seen = await clock.complete(Promise.all(links.map((each) => witness(each.evt))));
    await clock.complete(Promise.all(links.map((each, i) => author(each, `g${i}`, 8))), 3_600_000);
    store.control.calm();
    await clock.advance(30_000);
    const stored = store.control.stream("EVT").page(1);
    const ids = stored.map((r) => new TextDecoder().decode(r.data));
    assert.equal(new Set(ids).size, ids.length, `seed ${seed}: a record was stored twice`);
    assert.equal(ids.length, 24, `seed ${seed}`);
    for (const each of seen) {
      assert.deepEqual(each.seqs, upTo(24), `seed ${seed}`);
      assert.deepEqual(each.events, []);
      await each.follower.stop();
    }
  }
});

test("the same seed gives the same history", async () => {
  const run = async () => {
    const clock = new FakeClock();
    const store = createMemoryStore({
      clock,
      faults: { seed: 7, delayMs: 30, lostAck: 0.3, ghost: 0.2, busy: 0.2 },
    });
    const outcomes: string[] = [];
    for (let i = 0; i < 20; i++) {
      const last = store.control.stream("EVT").lastSeqOf("evt.a");
      outcomes.push((await clock.complete(store.evt.append("evt.a", last, text(`${i}`)))).kind);
    }
    return outcomes;
  };
  const first = await run();
  assert.deepEqual(first, await run());
  assert.ok(new Set(first).size > 2);
});
