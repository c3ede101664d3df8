// Deciding and appending (design rule 2) with every outcome of an append: exactly once, or refused for a reason that
// the newest state gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "@hydrascale/core/domain/directory/commands";
import { decodeEvt, encodeEvt } from "@hydrascale/core/domain/codec";
import type { CommandId, UserId } from "@hydrascale/core/domain/ids";
import { evtSubject } from "@hydrascale/core/domain/message";
import type { EvtMessage } from "@hydrascale/core/domain/message";
import type { Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import type { AppendOutcome, Log } from "@hydrascale/core/store/ports";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { operator, registering } from "@hydrascale/test/support/given";
import { settle, startBench } from "@hydrascale/test/support/bench";
import type { Bench } from "@hydrascale/test/support/bench";
import type { Decided } from "./service.ts";

const user = (name: string): Command => ({ kind: "CreateUser", name });
const as = (id: string) => ({ by: operator, id: id as CommandId });

const run = (bench: Bench, ...commands: readonly Command[]): Promise<Result<Decided, Problem>[]> =>
  bench.clock.complete(
    Promise.all(commands.map((command) => bench.tailnet.execute(command, { by: operator }))),
  );

async function messages(bench: Bench): Promise<EvtMessage[]> {
  const found: EvtMessage[] = [];
  for await (const { data } of bench.store.evt.read(1)) {
    const decoded = decodeEvt(data);
    if (decoded.ok) found.push(decoded.message);
  }
  return found;
}

const names = (bench: Bench): string[] => [...bench.fold.directory.users.values()].map((u) => u.name);

/** From now on appends to EVT go through this. */
function intercept(
  bench: Bench,
  how: (append: () => Promise<AppendOutcome>, data: Uint8Array) => Promise<AppendOutcome>,
): void {
  const evt: Log = bench.store.evt;
  const original = evt.append.bind(evt);
  evt.append = (subject, expected, data) => how(() => original(subject, expected, data), data);
}

test("what arrives together is one append, each command with its own answer", async () => {
  const bench = await startBench();
  await settle(bench);
  const before = bench.count("appends", "EVT");
  const answers = await run(bench, user("bob"), user("cleo"), user("bob"), user("dora"));
  assert.deepEqual(
    answers.map((a) => a.ok),
    [true, true, false, true],
  );
  assert.equal(bench.count("appends", "EVT"), before + 1);
  assert.equal((await messages(bench)).at(-1)?.decisions.length, 3);
  await bench.stop();
});

test("more than 64 go in several appends, all of them once", async () => {
  const bench = await startBench();
  await settle(bench);
  const many = Array.from({ length: 150 }, (_, n) => user(`user${n}`));
  const answers = await run(bench, ...many);
  assert.ok(answers.every((a) => a.ok));
  assert.equal(new Set(names(bench)).size, 151);
  assert.ok((await messages(bench)).every((m) => m.decisions.length <= 64));
  await bench.stop();
});

test("commands behind a new policy are decided with it, in a message of their own", async () => {
  const bench = await startBench();
  await settle(bench);
  const policy: Command = {
    kind: "SetPolicy",
    text: `{"tagOwners":{"tag:web":["ada@"]},"acls":[]}`,
    source: "api",
    ifMatch: null,
  };
  const key: Command = {
    kind: "CreatePreAuthKey",
    hash: "k",
    prefix: "k",
    user: null,
    tags: ["tag:web"],
    reusable: false,
    ephemeral: false,
    expiry: null,
  };
  const answers = await run(bench, user("bob"), policy, key);
  assert.deepEqual(
    answers.map((a) => a.ok),
    [true, true, true],
  );
  const kinds = (await messages(bench))
    .slice(-2)
    .map((m) => m.decisions.flatMap((d) => d.events.map((e) => e.kind)));
  assert.deepEqual(kinds, [["UserCreated", "PolicyUpdated"], ["PreAuthKeyCreated"]]);
  await bench.stop();
});

test("when another gateway was first, the command is decided again on what that one did", async () => {
  const clock = new FakeClock();
  const one = await startBench({ clock });
  await settle(one);
  const two = await startBench({ clock, store: one.store });
  const both = await clock.complete(
    Promise.all([one, two].map((b) => b.tailnet.execute(user("same"), { by: operator }))),
  );
  assert.equal(both.filter((a) => a.ok).length, 1);
  assert.equal(both.find((a) => !a.ok)?.ok === false && names(two).filter((n) => n === "same").length, 1);
  assert.deepEqual(names(one), names(two));
  await two.stop();
  await one.stop();
});

for (const seed of [1, 2, 3, 4, 5]) {
  test(`two gateways on a bad store decide everything exactly once, and agree (seed ${seed})`, async () => {
    const clock = new FakeClock();
    const faults = {
      delayMs: 8,
      busy: 0.1,
      lostAck: 0.08,
      ghost: 0.08,
      twice: 0.08,
      feedDrop: 0.05,
      feedTwice: 0.05,
    };
    const one = await startBench({ clock, faults: { seed, ...faults, timeoutMs: 300, ghostMs: 500 } });
    await settle(one);
    const two = await startBench({ clock, store: one.store });
    const asked: Promise<Result<Decided, Problem>>[] = [];
    for (let n = 0; n < 40; n++) {
      const { tailnet } = n % 2 === 0 ? one : two;
      asked.push(tailnet.execute(user(`name${n}`), { by: operator, deadlineMs: 120_000 }));
      await clock.advance(40);
    }
    const answers = await clock.complete(Promise.all(asked));
    one.store.control.calm();
    await clock.advance(10_000);
    for (const [n, answer] of answers.entries()) assert.ok(answer.ok, `name${n}: ${JSON.stringify(answer)}`);
    const conflicts = one.count("appends", "EVT conflict") + two.count("appends", "EVT conflict");
    assert.ok(conflicts > 0, "nobody met anybody: this shows nothing");
    assert.deepEqual(names(one), names(two));
    assert.equal(names(one).length, 41);
    assert.equal(new Set(names(one)).size, 41);
    assert.deepEqual([one.lost, two.lost], [[], []]);
    await two.stop();
    await one.stop();
  });
}

test("an append whose answer was lost is found in the log, and answered once", async () => {
  const bench = await startBench();
  await settle(bench);
  let lost = 0;
  intercept(bench, async (append) => {
    const outcome = await append();
    if (lost++ > 0) return outcome;
    return { kind: "unknown", reason: "time-out" };
  });
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer?.ok);
  assert.equal(lost, 1);
  assert.equal(names(bench).filter((n) => n === "bob").length, 1);
  await bench.stop();
});

test("a ghost that lands after its command was appended again changes nothing", async () => {
  const bench = await startBench();
  await settle(bench);
  const ghosts: (() => Promise<AppendOutcome>)[] = [];
  intercept(bench, async (append) => {
    if (ghosts.length > 0) return append();
    ghosts.push(append);
    return { kind: "unknown", reason: "time-out" };
  });
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer?.ok);
  assert.equal((await ghosts[0]!()).kind, "conflict");
  await bench.clock.advance(2000);
  assert.equal(names(bench).filter((n) => n === "bob").length, 1);
  await bench.stop();
});

test("a ghost that lands first gives the command its answer", async () => {
  const bench = await startBench();
  await settle(bench);
  let pending: (() => Promise<AppendOutcome>) | undefined;
  let appends = 0;
  intercept(bench, async (append) => {
    if (appends++ === 0) {
      pending = append;
      return { kind: "unknown", reason: "time-out" };
    }
    await pending?.();
    return append();
  });
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer?.ok);
  assert.equal((await messages(bench)).filter((m) => JSON.stringify(m).includes('"name":"bob"')).length, 1);
  await bench.stop();
});

test("a message that the server stored but the chain does not admit is decided again", async () => {
  const bench = await startBench();
  await settle(bench);
  let spoilt = false;
  const evt = bench.store.evt;
  const original = evt.append.bind(evt);
  evt.append = (subject, expected, data) => {
    const decoded = decodeEvt(data);
    if (spoilt || !decoded.ok) return original(subject, expected, data);
    spoilt = true;
    return original(subject, expected, encodeEvt({ ...decoded.message, prev: { seq: 1, id: "elsewhere" } }));
  };
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer?.ok);
  assert.equal(bench.count("void_messages", "EVT"), 1);
  assert.equal(names(bench).filter((n) => n === "bob").length, 1);
  await bench.stop();
});

test("a repeat of a command by the same asker gives the first answer, at any gateway; by another it is refused", async () => {
  const bench = await startBench();
  await settle(bench);
  const two = await startBench({ clock: bench.clock, store: bench.store });
  const ask = (b: Bench, by = operator) =>
    b.clock.complete(b.tailnet.execute(user("bob"), { ...as("once"), by }));
  const first = await ask(bench);
  assert.ok(first.ok);
  assert.deepEqual(await ask(bench), first);
  assert.deepEqual(await ask(two), first);
  const foreign = await ask(two, { kind: "local", name: "somebody else" });
  assert.ok(!foreign.ok && foreign.error.code === "conflict");
  await two.stop();
  await bench.stop();
});

test("two at once with one command id are one decision and one answer", async () => {
  const bench = await startBench();
  await settle(bench);
  const [a, b] = await bench.clock.complete(
    Promise.all([bench.tailnet.execute(user("bob"), as("x")), bench.tailnet.execute(user("bob"), as("x"))]),
  );
  assert.ok(a.ok);
  assert.deepEqual(a, b);
  await bench.stop();
});

test("what was decided elsewhere a moment ago is never refused here, and one question is asked for a refusal", async () => {
  const clock = new FakeClock();
  const one = await startBench({ clock, faults: { seed: 5, delayMs: 200 } });
  await settle(one);
  const two = await startBench({ clock, store: one.store });
  let stale = 0;
  for (let n = 1; n <= 12; n++) {
    const key: Command = {
      kind: "CreatePreAuthKey",
      hash: `key${n}`,
      prefix: `key${n}`,
      user: 1 as UserId,
      tags: [],
      reusable: false,
      ephemeral: false,
      expiry: null,
    };
    const register = registering(n, { auth: { kind: "pre-auth-key", hash: `key${n}` } });
    const joined = (async () => {
      const made = await one.tailnet.execute(key, { by: operator });
      if (made.ok && two.fold.evt.seq < made.value.seq) stale++;
      return two.tailnet.execute(register, { by: operator });
    })();
    const answer = await clock.complete(joined);
    assert.ok(answer.ok, JSON.stringify(answer));
  }
  assert.ok(stale > 0, "the second gateway was never behind: this shows nothing");
  let asked = 0;
  const lastSeq = two.store.evt.lastSeq.bind(two.store.evt);
  two.store.evt.lastSeq = (subject) => {
    asked++;
    return lastSeq(subject);
  };
  const refused = await clock.complete(
    two.tailnet.execute(registering(99, { auth: { kind: "pre-auth-key", hash: "none" } }), { by: operator }),
  );
  assert.ok(!refused.ok && refused.error.code === "unauthenticated");
  assert.equal(asked, 1);
  await two.stop();
  await one.stop();
});

test("a log that does not answer within the deadline is unavailable, and says that the outcome is unknown", async () => {
  const bench = await startBench();
  await settle(bench);
  intercept(bench, () => Promise.resolve({ kind: "unknown", reason: "time-out" }));
  const asked = bench.clock.monotonic();
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer !== undefined && !answer.ok && answer.error.code === "unavailable");
  assert.match(answer.error.message, /unknown/);
  const waited = bench.clock.monotonic() - asked;
  assert.ok(waited >= 12_000 && waited < 20_000, `${waited} ms`);
  await bench.stop();
});

test("a log that refuses for good fails the command at once with the cause", async () => {
  const bench = await startBench();
  await settle(bench);
  intercept(bench, () => Promise.resolve({ kind: "refused", reason: "no space left", retry: false }));
  const asked = bench.clock.monotonic();
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer !== undefined && !answer.ok);
  assert.match(answer.error.message, /no space left/);
  assert.ok(bench.clock.monotonic() - asked < 1000);
  await bench.stop();
});

test("a gateway that is not current takes no commands", async () => {
  const bench = await startBench();
  await settle(bench);
  bench.store.control.link(false);
  await bench.clock.advance(16_000);
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer !== undefined && !answer.ok && answer.error.code === "unavailable");
  bench.store.control.link(true);
  await bench.clock.advance(6000);
  const [later] = await run(bench, user("bob"));
  assert.ok(later?.ok);
  await bench.stop();
});

test("commands that change nothing append nothing", async () => {
  const bench = await startBench();
  await settle(bench);
  const before = bench.count("appends", "EVT");
  const sweep: Command = { kind: "SweepEphemeral", node: 99 as never, nodeKey: "nodekey:x" as never };
  const [answer] = await run(bench, sweep);
  assert.ok(answer?.ok && answer.value.seq === 0);
  assert.equal(bench.count("appends", "EVT"), before);
  await bench.stop();
});

test("behind events of a newer release nothing is appended, and the answer comes at once", async () => {
  const bench = await startBench();
  await settle(bench);
  const { fold, store } = bench;
  const event = { kind: "SomethingNew" };
  const decision = { id: "x", by: operator, at: 1, events: [event], result: { kind: "done" } };
  const message = { v: 1, epoch: fold.epoch, prev: fold.evt, id: "m", gw: "aaaa", decisions: [decision] };
  const data = new TextEncoder().encode(JSON.stringify(message));
  await bench.clock.complete(store.evt.append(evtSubject(bench.replica.tid), fold.evtSubjectSeq, data));
  await bench.clock.advance(10);
  assert.ok(fold.opaque);
  const before = bench.count("appends", "EVT");
  const [answer] = await run(bench, user("bob"));
  assert.ok(answer !== undefined && !answer.ok && answer.error.code === "unavailable");
  assert.equal(bench.count("appends", "EVT"), before);
  await bench.stop();
});
