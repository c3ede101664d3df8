// What the contract suite cannot show: a bug in whoever applies.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../lib/fake-clock.ts";
import type { FeedRecord, FeedSource } from "./feed-source.ts";
import { startFollower } from "./follower.ts";

test("what is thrown while a fed record is applied surfaces, and no later record is applied", async () => {
  const clock = new FakeClock();
  let feed: (record: FeedRecord) => void = () => {};
  const state = { firstSeq: 1, lastSeq: 0, messages: 0, epoch: "e", identity: "e", staleMs: 0 };
  const source: FeedSource = {
    state: () => Promise.resolve(state),
    page: () => Promise.resolve([]),
    next: () => Promise.resolve(undefined),
    subscribe: (given) => {
      feed = given;
      return Promise.resolve(() => {});
    },
  };
  const applied: number[] = [];
  const follower = await startFollower({
    name: "EVT",
    source,
    clock,
    holes: "none",
    after: 0,
    apply: ({ seq }) => {
      applied.push(seq);
      if (seq === 2) throw new Error("a bug");
    },
    onHole: () => {},
    onReset: () => {},
  });
  const heard = new Promise<Error>((resolve) => process.once("uncaughtException", resolve));
  const others = process.listeners("uncaughtException").slice(0, -1);
  for (const listener of others) process.off("uncaughtException", listener);
  const record = (seq: number): FeedRecord => ({
    seq,
    subject: "evt.x",
    data: new Uint8Array(),
    time: 0,
    gone: false,
  });
  for (const seq of [1, 2, 3]) feed(record(seq));
  assert.equal((await heard).message, "a bug");
  for (const listener of others) process.on("uncaughtException", listener);
  assert.deepEqual(applied, [1, 2]);
  await assert.rejects(follower.reached(3, 1));
});
