import assert from "node:assert/strict";
import { test } from "node:test";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import { documentKey, loadRow, parseDocumentKey } from "@hydrascale/core/domain/documents";
import { encodeDocument, metaKey, parseDocument, parseMeta } from "@hydrascale/core/domain/snapshot/document";
import { loadFold } from "@hydrascale/core/domain/snapshot/load";
import { verify } from "@hydrascale/core/domain/snapshot/verify";
import { encodeEvt } from "@hydrascale/core/domain/codec";
import type { DirectoryEvent } from "@hydrascale/core/domain/directory/events";
import type { BootId, CommandId } from "@hydrascale/core/domain/ids";
import { evtSubject } from "@hydrascale/core/domain/message";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { noCounters } from "@hydrascale/core/obs/metrics";
import type { Logger } from "@hydrascale/core/obs/log";
import type { MemoryFaults } from "@hydrascale/core/store/faults";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryStream } from "@hydrascale/core/store/memory-stream";
import { contentsOf, randomHistory, rowsOf } from "../../../test/support/history.ts";
import type { History, HistoryRecord } from "../../../test/support/history.ts";
import { node, nodeId, now, operator, user } from "../../../test/support/given.ts";
import { rebuild } from "./rebuild.ts";
import { runProjector } from "./run.ts";
import type { Projector } from "./run.ts";

const quiet = {} as Logger;
Object.assign(quiet, { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => quiet });

class World {
  readonly clock = new FakeClock();
  readonly store: MemoryStore;
  private readonly names = { evt: "EVT", act: "ACT" } as const;

  constructor(faults?: MemoryFaults) {
    this.store = createMemoryStore(
      faults === undefined ? { clock: this.clock } : { clock: this.clock, faults },
    );
  }

  stream(name: "EVT" | "ACT" | "netmap"): MemoryStream {
    return this.store.control.stream(name);
  }

  /** Puts a record where the history says, with records of other tailnets before it. */
  append(record: HistoryRecord): void {
    const stream = this.stream(this.names[record.log]);
    const other = record.log === "evt" ? "evt.other" : "act.other.b";
    while (stream.state().lastSeq + 1 < record.seq)
      stream.write({ subject: other, expected: stream.lastSeqOf(other), data: new Uint8Array() });
    const { subject, data } = record;
    stream.write({ subject, expected: stream.lastSeqOf(subject), data });
  }

  async start(id: string, store = this.store): Promise<Projector> {
    const options = { store, id, version: "1", clock: this.clock, log: quiet, counters: noCounters };
    const started = await this.clock.complete(runProjector({ ...options, tid: history0.tid }));
    assert.ok(started.ok);
    return started.value;
  }

  /** Every document, and nothing else, is a row of the fold; meta is its position. */
  async matches(fold: TailnetFold, note = ""): Promise<void> {
    const documents: unknown[] = [];
    for (const record of this.stream("netmap").lastOfEach()) {
      const place = parseDocumentKey(record.subject);
      const document = parseDocument(record.data);
      if (place === undefined || document === undefined || document.d === null || record.gone) continue;
      documents.push([record.subject, document.s, document.d]);
      assert.equal(verify(fold, record.subject, record.data).kind, "equal", note + record.subject);
    }
    const rows = rowsOf(fold).map(({ table, id, seq, row }) => [
      documentKey(fold.tid, table as never, id),
      seq,
      JSON.parse(JSON.stringify(row)),
    ]);
    const byKey = (a: unknown, b: unknown) => (String(a) < String(b) ? -1 : 1);
    assert.deepEqual(documents.sort(byKey), rows.sort(byKey), note);
    const meta = parseMeta(this.stream("netmap").last(metaKey(fold.tid))?.data ?? new Uint8Array());
    assert.equal(meta?.position.evtCursor, fold.evtCursor, note);
    assert.equal(meta?.position.actCursor, fold.actCursor, note);
  }
}

const history0 = randomHistory(1, 40);

test("the documents are the fold, and a fold loaded from them is the fold", async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const history = randomHistory(seed, 60);
    const world = new World();
    for (const record of history.records.slice(0, 20)) world.append(record);
    const projector = await world.start("a");
    for (const record of history.records.slice(20)) {
      world.append(record);
      if (record.seq % 5 === 0) await world.clock.advance(700);
    }
    await world.clock.advance(5_000);
    await world.matches(history.fold, `seed ${seed} `);
    assert.equal(projector.status().state, "running");
    assert.equal(projector.status().waiting, 0);
    const loaded = await loadFold(world.store.netmap, history.tid, "e1");
    assert.ok(loaded.ok);
    assert.deepEqual(contentsOf(loaded.value.fold), contentsOf(history.fold));
    await projector.stop();
  }
});

test("a document is written at most once a second, and nothing while nothing happens", async () => {
  const world = new World();
  const projector = await world.start("a");
  const before = world.stream("netmap").state().lastSeq;
  for (const record of history0.records) {
    world.append(record);
    await world.clock.advance(20);
  }
  await world.clock.advance(3_000);
  const puts = new Map<string, number[]>();
  for (let seq = before + 1; seq <= world.stream("netmap").state().lastSeq; seq++) {
    const record = world.stream("netmap").page(seq)[0];
    if (record !== undefined) puts.set(record.subject, [...(puts.get(record.subject) ?? []), record.time]);
  }
  const quietSince = world.stream("netmap").state().lastSeq;
  const seconds = (history0.records.length * 20) / 1_000 + 3;
  assert.ok(quietSince - before <= (rowsOf(history0.fold).length + 200) * seconds);
  await world.clock.advance(60_000);
  assert.equal(world.stream("netmap").state().lastSeq, quietSince);
  await projector.stop();
});

test("three racing projectors that crash and lose connections end with the right documents", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const history = randomHistory(seed + 100, 60);
    const faults = {
      seed,
      delayMs: 15,
      lostAck: 0.03,
      ghost: 0.03,
      twice: 0.03,
      feedDrop: 0.1,
      feedTwice: 0.1,
    };
    const world = new World({ ...faults, outage: 0.01, outageMs: 2_000, ghostMs: 1_000 });
    const links = [world.store, world.store.connect(), world.store.connect()];
    let running = await Promise.all(links.map((link, i) => world.start(`p${i}`, link)));
    for (const [i, record] of history.records.entries()) {
      world.append(record);
      await world.clock.advance(100 + ((i * 37) % 400));
      if (i % 15 === 9) {
        // One dies in the middle of whatever it does, and comes back as another.
        const n = ((i / 15) % 3) | 0;
        links[n]?.control.link(false);
        void world.clock.complete(running[n]?.stop() ?? Promise.resolve());
        links[n] = world.store.connect();
        running = [...running];
        running[n] = await world.start(`p${n}-${i}`, links[n]);
      }
    }
    world.store.control.calm();
    await world.clock.advance(40_000);
    await world.matches(history.fold, `seed ${seed} `);
    for (const projector of running) assert.equal(projector.status().waiting, 0);
    const preferred = running.filter((projector) => projector.status().preferred);
    assert.equal(preferred.length, 1);
    await world.clock.complete(Promise.all(running.map((projector) => projector.stop())));
  }
});

async function projected(history: History): Promise<World> {
  const world = new World();
  for (const record of history.records) world.append(record);
  const projector = await world.start("a");
  await world.clock.advance(5_000);
  await world.matches(history.fold);
  await world.clock.complete(projector.stop());
  return world;
}

test("a rebuild gives identical documents, repairs damage, and entombs what is of no row", async () => {
  const history = randomHistory(5, 80);
  const world = await projected(history);
  const netmap = world.stream("netmap");
  const key = documentKey(history.tid, "counters", "counters");
  const ghost = documentKey(history.tid, "users", 4_000);
  const put = (at: string, data: Uint8Array) =>
    netmap.write({ subject: at, expected: netmap.lastSeqOf(at), data });
  put(key, new TextEncoder().encode("{"));
  put(ghost, encodeDocument({ g: 1, p: 1, s: 3, d: { id: 4_000 } }));
  const done = await rebuild(world.store, history.tid);
  assert.ok(done.ok);
  assert.equal(done.value.generation, 2);
  assert.equal(done.value.entombed, 1);
  await world.matches(history.fold);
  assert.equal(parseDocument(netmap.last(ghost)?.data ?? new Uint8Array())?.d, null);
  const again = await rebuild(world.store, history.tid);
  assert.ok(again.ok && again.value.generation === 3 && again.value.entombed === 0);
  await world.matches(history.fold);
});

test("activity that was trimmed is taken from the documents by a rebuild", async () => {
  const history = randomHistory(6, 80, { activity: 60 });
  const world = await projected(history);
  world.stream("ACT").trim(history.fold.actCursor - 3);
  const done = await rebuild(world.store, history.tid);
  assert.ok(done.ok);
  await world.matches(history.fold);
});

test("a projector meets a rebuild, an interrupted one, a lost bucket and another epoch, and goes on right", async () => {
  const history = randomHistory(7, 60);
  const world = new World();
  const half = history.records.length / 2;
  for (const record of history.records.slice(0, half)) world.append(record);
  const projector = await world.start("a");
  await world.clock.advance(3_000);
  assert.ok((await rebuild(world.store, history.tid)).ok);
  for (const record of history.records.slice(half)) world.append(record);
  await world.clock.advance(10_000);
  await world.matches(history.fold, "after a rebuild ");

  const netmap = world.stream("netmap");
  const key = documentKey(history.tid, "counters", "counters");
  const document = parseDocument(netmap.last(key)?.data ?? new Uint8Array());
  assert.ok(document !== undefined);
  netmap.write({
    subject: key,
    expected: netmap.lastSeqOf(key),
    data: encodeDocument({ ...document, g: 9 }),
  });
  await world.clock.complete(projector.stop());
  const second = await world.start("b");
  await world.clock.advance(5_000);
  await world.matches(history.fold, "after an interrupted rebuild ");
  assert.equal(parseMeta(netmap.last(metaKey(history.tid))?.data ?? new Uint8Array())?.g, 9);

  netmap.remake();
  await world.clock.advance(45_000);
  await world.matches(history.fold, "after a lost bucket ");

  world.stream("EVT").remake();
  world.stream("ACT").remake();
  await world.clock.advance(15_000);
  const { epoch } = await world.store.evt.info();
  await world.matches(new TailnetFold(history.tid, epoch), "after another epoch ");
  await second.stop();
});

test("events of a newer release stop it before it writes anything of them", async () => {
  const world = await projected(history0);
  const netmap = world.stream("netmap").state().lastSeq;
  const projector = await world.start("b");
  const { evt } = history0.fold;
  const event = { kind: "SomethingNew" };
  const decision = {
    id: "x",
    by: { kind: "local", name: "t" },
    at: 1,
    events: [event],
    result: { kind: "done" },
  };
  const message = { v: 1, epoch: "e1", prev: evt, id: "m", gw: "aaaa", decisions: [decision] };
  await world.store.evt.append(
    evtSubject(history0.tid),
    history0.fold.evtSubjectSeq,
    new TextEncoder().encode(JSON.stringify(message)),
  );
  await world.clock.advance(10_000);
  assert.equal(projector.status().state, "opaque");
  assert.equal(world.stream("netmap").state().lastSeq, netmap);
  await projector.stop();
});

test("verification names a difference, and is silent where one side has not come so far", async () => {
  const world = await projected(history0);
  const { fold, tid } = history0;
  const netmap = world.stream("netmap");
  const key = documentKey(tid, "counters", "counters");
  const document = parseDocument(netmap.last(key)?.data ?? new Uint8Array());
  assert.ok(document !== undefined);
  const verdict = (change: object) => verify(fold, key, encodeDocument({ ...document, ...change })).kind;
  assert.equal(verdict({}), "equal");
  assert.equal(verdict({ d: { ...(document.d as object), nextNode: 77 } }), "different");
  assert.equal(verdict({ s: document.s - 1 }), "behind");
  assert.equal(verdict({ s: fold.evtCursor + 1 }), "ahead");
  assert.equal(verify(fold, key, new Uint8Array([1])).kind, "different");
  assert.equal(verify(fold, metaKey(tid), new Uint8Array()).kind, "foreign");
  assert.ok(loadRow(new TailnetFold(tid, "e1"), "counters", "counters", document.d, 1).ok);
});

test("a row that goes while its last change is being written leaves no tombstone before its time", async () => {
  const world = new World();
  const { tid } = history0;
  const fold = new TailnetFold(tid, "e1");
  const store = world.store.connect();
  const put = store.netmap.put.bind(store.netmap);
  const result = { kind: "done" } as const;
  const append = (seq: number, ...events: readonly DirectoryEvent[]): void => {
    const decision = { id: `c${seq}` as CommandId, by: operator, at: now, events, result } as const;
    const message = { v: 1, epoch: "e1", prev: fold.evt, id: `m${seq}`, gw: "aaaa" as BootId } as const;
    const data = encodeEvt({ ...message, decisions: [decision] });
    fold.applyEvt({ seq, data });
    world.append({ log: "evt", seq, subject: evtSubject(tid), data, void: false });
  };
  const written: unknown[] = [];
  let deleted = false;
  store.netmap.put = async (key, value, ...rest) => {
    const outcome = await put(key, value, ...rest);
    // The documents of the tables before `nodes` are being written: now the node goes.
    if (key === documentKey(tid, "users", 1) && !deleted) {
      deleted = true;
      append(2, { kind: "NodeDeleted", node: nodeId(1), reason: "admin" });
      await world.clock.advance(0);
    }
    const document = parseDocument(value);
    if (key === documentKey(tid, "nodes", 1)) written.push([document?.s, document?.d === null]);
    return outcome;
  };
  const projector = await world.start("a", store);
  append(1, user(1, "ada"), node(1));
  await world.clock.advance(5_000);
  assert.deepEqual(written, [[2, true]]);
  await world.matches(fold);
  await projector.stop();
});
