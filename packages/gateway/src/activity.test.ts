// Appending activity (design rule 5): each event counts once, or whoever appended it learns that it did not.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveEvent } from "@hydrascale/core/domain/live/events";
import type { NodeId, SessionId } from "@hydrascale/core/domain/ids";
import type { AppendOutcome } from "@hydrascale/core/store/ports";
import { FakeResponse, connecting, join, settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";
import { Activity } from "./activity.ts";
import { newBootId } from "./boot.ts";

interface Here {
  readonly bench: Bench;
  readonly node: NodeId;
  readonly activity: Activity;
  readonly fenced: { count: number };
}

async function here(): Promise<Here> {
  const bench = await startBench();
  await settle(bench);
  const node = await join(bench, 1);
  const fenced = { count: 0 };
  const activity = new Activity({
    store: bench.store,
    replica: bench.replica,
    clock: bench.clock,
    counters: { inc: () => undefined },
    boot: newBootId(),
    onFenced: () => {
      fenced.count++;
    },
  });
  return { bench, node, activity, fenced };
}

const moved = (node: NodeId, n: number, session: SessionId | null = null): LiveEvent => ({
  kind: "NodeMoved",
  node,
  session,
  at: 1000 + n,
  reach: { endpoints: [`192.0.2.1:${n}`] },
});

function intercept(
  bench: Bench,
  how: (append: () => Promise<AppendOutcome>) => Promise<AppendOutcome>,
): void {
  const { act } = bench.store;
  const original = act.append.bind(act);
  act.append = (subject, expected, data) => how(() => original(subject, expected, data));
}

const records = async (bench: Bench): Promise<number> => (await bench.store.act.info()).messages;

test("what comes together is one message, what comes meanwhile the next", async () => {
  const { bench, node, activity } = await here();
  const first = [1, 2, 3].map((n) => activity.append(moved(node, n)));
  assert.deepEqual(await bench.clock.complete(Promise.all(first)), ["counted", "counted", "counted"]);
  assert.equal(await records(bench), 1);
  const many = Array.from({ length: 300 }, (_, n) => activity.append(moved(node, n)));
  await bench.clock.complete(Promise.all(many));
  assert.equal(await records(bench), 3);
  await bench.stop();
});

test("an event against a session that is not the current one is dropped, and said to be", async () => {
  const { bench, node, activity } = await here();
  const outcome = activity.append(moved(node, 1, "gone.1" as SessionId));
  assert.equal(await bench.clock.complete(outcome), "dropped");
  await bench.stop();
});

test("a move that meets a new session is appended again against that one", async () => {
  const { bench, node } = await here();
  const other = await startBench({ clock: bench.clock, store: bench.store });
  await bench.clock.complete(other.tailnet.sessions.connect(connecting(node, new FakeResponse())));
  let turns = 0;
  intercept(bench, async (append) => {
    // The node's stream is replaced elsewhere between the decision to append and the append.
    if (turns++ === 0)
      await bench.clock.complete(other.tailnet.sessions.connect(connecting(node, new FakeResponse())));
    return append();
  });
  const done = bench.tailnet.moved(bench.fold.directory.nodes.get(node)!, { endpoints: ["192.0.2.9:9"] });
  assert.equal(await done, true);
  assert.equal(turns, 2);
  assert.deepEqual(bench.fold.live.live.get(node)?.endpoints, ["192.0.2.9:9"]);
  await other.stop();
  await bench.stop();
});

for (const [what, fault] of [
  ["a lost answer", "after"],
  ["a request that never came", "never"],
] as const) {
  test(`${what} is repeated with the same bytes and counts once`, async () => {
    const { bench, node, activity } = await here();
    let turns = 0;
    intercept(bench, async (append) => {
      if (turns++ > 0) return append();
      if (fault === "after") await append();
      return { kind: "unknown", reason: "time-out" };
    });
    assert.equal(await bench.clock.complete(activity.append(moved(node, 7))), "counted");
    assert.equal(await records(bench), 1);
    assert.deepEqual(bench.fold.live.live.get(node)?.endpoints, ["192.0.2.1:7"]);
    await bench.stop();
  });
}

test("a late copy of a message is taken by nobody", async () => {
  const { bench, node, activity, fenced } = await here();
  const copies: (() => Promise<AppendOutcome>)[] = [];
  intercept(bench, (append) => {
    copies.push(append);
    return copies.length === 1 ? Promise.resolve({ kind: "unknown", reason: "time-out" }) : append();
  });
  await bench.clock.complete(activity.append(moved(node, 1)));
  await bench.clock.complete(activity.append(moved(node, 2)));
  assert.equal((await copies[0]!()).kind, "conflict");
  await bench.clock.complete(activity.append(moved(node, 3)));
  assert.equal(await records(bench), 3);
  assert.equal(fenced.count, 0);
  assert.equal(bench.count("void_messages"), 0);
  await bench.stop();
});

test("a request that the server saw twice is no sign of being fenced", async () => {
  const { bench, node, activity, fenced } = await here();
  intercept(bench, async (append) => {
    await append();
    return append();
  });
  for (const n of [1, 2])
    assert.equal(await bench.clock.complete(activity.append(moved(node, n))), "counted");
  assert.equal(fenced.count, 0);
  await bench.stop();
});

test("once fenced, what waits is lost, nothing more is stored, and it is told once", async () => {
  const { bench, node, activity, fenced } = await here();
  await bench.clock.complete(activity.append(moved(node, 1)));
  const before = await records(bench);
  const waiting = [activity.append(moved(node, 2)), activity.append(moved(node, 3))];
  activity.fence();
  activity.fence();
  const outcomes = await bench.clock.complete(Promise.all([...waiting, activity.append(moved(node, 4))]));
  assert.deepEqual(outcomes, ["lost", "lost", "lost"]);
  assert.equal(fenced.count, 1);
  assert.equal(await records(bench), before);
  await bench.stop();
});

test("on a bad store every event counts once, in its order", async () => {
  for (const seed of [1, 2, 3]) {
    const faults = {
      seed,
      delayMs: 5,
      busy: 0.1,
      lostAck: 0.1,
      ghost: 0.1,
      twice: 0.1,
      feedDrop: 0.1,
      timeoutMs: 200,
      ghostMs: 400,
    };
    const bench = await startBench({ faults });
    await settle(bench);
    const node = await join(bench, 1);
    const seen: number[] = [];
    bench.replica.listen({
      activity: (event, counted) => {
        if (event.kind === "NodeMoved" && counted) seen.push(event.at - 1000);
      },
    });
    const activity = new Activity({
      store: bench.store,
      replica: bench.replica,
      clock: bench.clock,
      counters: { inc: () => undefined },
      boot: newBootId(),
      onFenced: () => assert.fail("fenced by itself"),
    });
    const asked: Promise<string>[] = [];
    for (let n = 0; n < 40; n++) {
      asked.push(activity.append(moved(node, n)));
      await bench.clock.advance(20);
    }
    const outcomes = await bench.clock.complete(Promise.all(asked));
    assert.ok(
      outcomes.every((o) => o === "counted"),
      `seed ${seed}: ${outcomes.join()}`,
    );
    assert.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, n) => n),
    );
    await bench.stop();
  }
});

test("an event appended the moment another was told is not forgotten", async () => {
  const { bench, node, activity } = await here();
  for (let hops = 0; hops < 12; hops++) {
    const second = (async () => {
      await activity.append(moved(node, hops));
      for (let hop = 0; hop < hops; hop++) await Promise.resolve();
      return activity.append(moved(node, 100 + hops));
    })();
    assert.equal(await bench.clock.complete(second, 5000), "counted", `${hops} turns later`);
  }
  await bench.stop();
});
