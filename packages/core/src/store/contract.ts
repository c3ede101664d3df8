// The contract of ports.ts as tests: every store implementation passes the same ones. A factory gives a fresh store and
// further connections to it; time is whatever the implementation runs on, so waiting goes through `eventually`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../lib/errors.ts";
import type { BucketEntry, Follower, LogRecord, Store } from "./ports.ts";

export interface Subject {
  readonly store: Store;
  /** A second client of the same streams. */
  readonly connect: () => Promise<Store>;
  /** Lets time pass where time is simulated. */
  readonly pass: (ms: number) => Promise<void>;
  readonly end: () => Promise<void>;
}

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const string = (b: Uint8Array): string => new TextDecoder().decode(b);

async function eventually(subject: Subject, what: string, check: () => boolean, ms = 8_000): Promise<void> {
  for (let spent = 0; spent < ms; spent += 20) {
    if (check()) return;
    await subject.pass(20);
  }
  assert.fail(`not within ${ms} ms: ${what}`);
}

interface Followed {
  readonly follower: Follower;
  readonly seqs: number[];
}

async function followed(store: Store, after = 0): Promise<Followed> {
  const seqs: number[] = [];
  const follower = await store.evt.follow({
    after,
    apply: (record) => seqs.push(record.seq),
    onHole: (missing) => assert.fail(`hole at ${missing}`),
    onReset: (reason) => assert.fail(`reset: ${reason}`),
  });
  return { follower, seqs };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function storeContract(name: string, make: () => Promise<Subject>): void {
  const check: Check = (title, body) => {
    test(`${name}: ${title}`, async () => {
      const subject = await make();
      try {
        await body(subject);
      } finally {
        await subject.end();
      }
    });
  };
  logContract(check);
  bucketContract(check);
}

type Check = (title: string, body: (subject: Subject) => Promise<void>) => void;

function logContract(check: Check): void {
  check(
    "an append names its predecessor on that subject, and a conflict names the last one",
    async ({ store }) => {
      assert.deepEqual(await store.evt.append("evt.a", 0, text("1")), { kind: "stored", seq: 1 });
      assert.deepEqual(await store.evt.append("evt.b", 0, text("2")), { kind: "stored", seq: 2 });
      assert.deepEqual(await store.evt.append("evt.a", 1, text("3")), { kind: "stored", seq: 3 });
      assert.deepEqual(await store.evt.append("evt.a", 1, text("x")), { kind: "conflict", lastSeq: 3 });
      assert.deepEqual(await store.evt.append("evt.a", 0, text("x")), { kind: "conflict", lastSeq: 3 });
      assert.deepEqual(await store.evt.append("evt.c", 9, text("x")), { kind: "conflict", lastSeq: 0 });
      assert.equal(await store.evt.lastSeq("evt.a"), 3);
      assert.equal(await store.evt.lastSeq("evt.c"), 0);
    },
  );

  check("of many racing appends with one expectation exactly one is stored", async ({ store, connect }) => {
    const other = await connect();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? store : other).evt.append("evt.a", 0, text(`${i}`))),
    );
    assert.equal(outcomes.filter((o) => o.kind === "stored").length, 1);
    assert.ok(outcomes.every((o) => o.kind !== "unknown" && o.kind !== "refused"));
    await other.close();
  });

  check("a record above the limit is refused for good", async ({ store }) => {
    const outcome = await store.evt.append("evt.a", 0, new Uint8Array(store.maxRecord + 1));
    assert.equal(outcome.kind, "refused");
    assert.equal(outcome.kind === "refused" && outcome.retry, false);
    assert.equal((await store.evt.append("evt.a", 0, new Uint8Array(store.maxRecord))).kind, "stored");
  });

  check("a follower has applied the log's end when it starts, and then what comes", async (subject) => {
    const { store } = subject;
    for (let i = 0; i < 5; i++) await store.evt.append("evt.a", i, text(`${i}`));
    const all = await followed(store);
    const tail = await followed(store, 3);
    assert.deepEqual(all.seqs, [1, 2, 3, 4, 5]);
    assert.deepEqual(tail.seqs, [4, 5]);
    const other = await subject.connect();
    for (let i = 5; i < 60; i++) await other.evt.append("evt.a", i, text(`${i}`));
    await Promise.all([all.follower.reached(60, 5_000), subject.pass(50)]);
    assert.deepEqual(
      all.seqs,
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    assert.equal(all.follower.cursor, 60);
    await all.follower.stop();
    await tail.follower.stop();
    await other.evt.append("evt.a", 60, text("late"));
    await subject.pass(50);
    assert.equal(all.seqs.length, 60);
    await other.close();
  });

  check("waiting for a sequence that does not come ends with unavailable", async (subject) => {
    const { follower } = await followed(subject.store);
    const wait = assert.rejects(
      follower.reached(1, 300),
      (e) => e instanceof ProblemError && e.problem.code === "unavailable",
    );
    await Promise.all([wait, subject.pass(400)]);
    await follower.stop();
  });

  check("info and read agree with what was appended", async ({ store }) => {
    assert.deepEqual(
      { ...(await store.act.info()), epoch: "" },
      { firstSeq: 1, lastSeq: 0, messages: 0, epoch: "" },
    );
    for (let i = 0; i < 4; i++)
      await store.act.append(i % 2 ? "act.t.b" : "act.t.a", i < 2 ? 0 : i - 1, text(`${i}`));
    const { firstSeq, lastSeq, messages, epoch } = await store.act.info();
    assert.deepEqual([firstSeq, lastSeq, messages], [1, 4, 4]);
    assert.ok(epoch.length > 0);
    const records: LogRecord[] = await collect(store.act.read(2));
    assert.deepEqual(
      records.map((r) => [r.seq, r.subject, string(r.data)]),
      [
        [2, "act.t.b", "1"],
        [3, "act.t.a", "2"],
        [4, "act.t.b", "3"],
      ],
    );
    assert.ok(records.every((r) => r.time > Date.UTC(2020, 0)));
    assert.deepEqual(
      (await collect(store.act.read(1, "act.t.a"))).map((r) => r.seq),
      [1, 3],
    );
  });
}

function bucketContract(check: Check): void {
  check("a put names the revision that it replaces", async ({ store }) => {
    const bucket = store.pending;
    const first = await bucket.put("t.a", text("1"), 0);
    assert.equal(first.kind, "stored");
    const revision = first.kind === "stored" ? first.revision : 0;
    assert.deepEqual(await bucket.put("t.a", text("x"), 0), { kind: "conflict" });
    assert.deepEqual(await bucket.put("t.a", text("x"), revision + 7), { kind: "conflict" });
    assert.equal((await bucket.put("t.a", text("2"), revision)).kind, "stored");
    assert.equal(string((await bucket.get("t.a"))?.value ?? text("")), "2");
    assert.equal(await bucket.get("t.b"), undefined);
  });

  check("a deleted key is absent, and can be made again", async ({ store }) => {
    const bucket = store.lease;
    const made = await bucket.put("a", text("1"), 0);
    assert.equal(made.kind, "stored");
    assert.deepEqual(await bucket.delete("a", 99), { kind: "conflict" });
    assert.equal((await bucket.delete("a", made.kind === "stored" ? made.revision : 0)).kind, "stored");
    assert.equal(await bucket.get("a"), undefined);
    assert.deepEqual(await collect(bucket.entries("")), []);
    assert.equal((await bucket.put("a", text("2"), 0)).kind, "stored");
    assert.deepEqual(await bucket.put("a", text("3"), 0), { kind: "conflict" });
  });

  check("a key expires, its watchers learn of it, and it can be made again", async (subject) => {
    const { store } = subject;
    const seen: [string, string | undefined][] = [];
    const stop = await store.lease.watch("", (key, entry) => seen.push([key, entry && string(entry.value)]));
    const made = await store.lease.put("boot", text("1"), 0, 1);
    assert.equal(made.kind, "stored");
    await eventually(subject, "expiry", () => seen.length === 2);
    assert.deepEqual(seen, [
      ["boot", "1"],
      ["boot", undefined],
    ]);
    assert.equal(await store.lease.get("boot"), undefined);
    assert.equal(
      (await store.lease.put("boot", text("2"), made.kind === "stored" ? made.revision : 0)).kind,
      "conflict",
    );
    assert.equal((await store.lease.put("boot", text("2"), 0, 60)).kind, "stored");
    await stop();
  });

  check("a renewed key lives on", async (subject) => {
    const { store } = subject;
    let outcome = await store.lease.put("boot", text("0"), 0, 1);
    for (let i = 1; i <= 4; i++) {
      await subject.pass(400);
      outcome = await store.lease.put(
        "boot",
        text(`${i}`),
        outcome.kind === "stored" ? outcome.revision : 0,
        1,
      );
      assert.equal(outcome.kind, "stored");
    }
    assert.equal(string((await store.lease.get("boot"))?.value ?? text("")), "4");
  });

  check("entries and watchers see what is below a dotted prefix", async (subject) => {
    const { store } = subject;
    const other = await subject.connect();
    const seen: string[] = [];
    const all: BucketEntry[] = [];
    await store.netmap.put("t1.node.0", text("old"), 0);
    const stop = await other.netmap.watch("t1", (key) => seen.push(key));
    const stopAll = await other.netmap.watch("", (_key, entry) => entry && all.push(entry));
    for (let i = 1; i <= 30; i++) await store.netmap.put(`t1.node.${i}`, text(`${i}`), 0);
    await store.netmap.put("t11.node.1", text("x"), 0);
    await eventually(subject, "31 changes", () => all.length === 31);
    assert.deepEqual(
      seen,
      Array.from({ length: 30 }, (_, i) => `t1.node.${i + 1}`),
    );
    const entries = await collect(store.netmap.entries("t1"));
    assert.deepEqual(entries.map((e) => e.key).sort(), ["t1.node.0", ...seen].sort());
    assert.equal((await collect(store.netmap.entries(""))).length, 32);
    for (const entry of entries) assert.equal((await store.netmap.get(entry.key))?.revision, entry.revision);
    await stop();
    await stopAll();
    await other.close();
  });

  check("secrets are never put on a feed", async ({ store }) => {
    await assert.rejects(
      store.secret.watch("", () => {}),
      (e) => e instanceof ProblemError && e.problem.code === "unsupported",
    );
  });
}
