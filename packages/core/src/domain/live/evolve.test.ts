import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nodeId } from "../../../../../test/support/given.ts";
import { randomHistory } from "../../../../../test/support/history.ts";
import { encodeAct } from "../codec.ts";
import { TailnetFold } from "../fold.ts";
import type { BootId, DiscoKey, SessionId, TailnetId } from "../ids.ts";
import type { ActMessage } from "../message.ts";
import { actSubject } from "../message.ts";
import type { LiveEvent } from "./events.ts";
import { bootOf } from "./tables.ts";

const tid = "default" as TailnetId;
const [a, b] = ["aaaa", "bbbb"] as [BootId, BootId];
const session = (boot: BootId, n: number): SessionId => `${boot}.${n}` as SessionId;
const one = nodeId(1);

/** A fold to which messages are appended as gateways do it. */
class Log {
  readonly fold = new TailnetFold(tid, "e");
  private seq = 0;

  /** Appends to the subject of `boot`, whoever writes; returns which events counted, or why the message is void. */
  append(
    boot: BootId,
    events: readonly LiveEvent[],
    change: Partial<ActMessage> = {},
  ): readonly boolean[] | string {
    const prev = this.fold.actPosition(boot);
    const message: ActMessage = {
      v: 1,
      epoch: "e",
      prev,
      id: `m${this.seq}`,
      gw: boot,
      at: 0,
      events,
      ...change,
    };
    const record = { seq: ++this.seq, subject: actSubject(tid, boot), data: encodeAct(message) };
    const applied = this.fold.applyAct(record);
    return applied.valid ? applied.counted : applied.reason;
  }

  get row() {
    return this.fold.live.live.get(one);
  }
}

const connected = (boot: BootId, n: number, replaces: SessionId | null, at = 1000): LiveEvent => ({
  kind: "NodeConnected",
  node: one,
  session: session(boot, n),
  replaces,
  at,
  reach: {},
});
const disconnected = (boot: BootId, n: number, at = 2000): LiveEvent => ({
  kind: "NodeDisconnected",
  node: one,
  session: session(boot, n),
  at,
});
const moved = (of: SessionId | null, derp: number, at = 1500): LiveEvent => ({
  kind: "NodeMoved",
  node: one,
  session: of,
  at,
  reach: { derp },
});

test("a session counts only when it names the one that it replaces", () => {
  const log = new Log();
  assert.deepEqual(log.append(a, [connected(a, 1, session(b, 9))]), [false]);
  assert.deepEqual(log.append(a, [connected(a, 1, null)]), [true]);
  assert.deepEqual(log.append(b, [connected(b, 1, null)]), [false]);
  assert.deepEqual(log.append(b, [connected(b, 1, session(a, 1))]), [true]);
  assert.equal(log.row?.session, session(b, 1));
  assert.deepEqual(log.fold.live.onlineOf(a), []);
  assert.deepEqual(log.fold.live.onlineOf(b), [one]);
});

test("[15.21] the late end of a replaced session marks nobody offline", () => {
  const log = new Log();
  log.append(a, [connected(a, 1, null)]);
  log.append(b, [connected(b, 1, session(a, 1))]);
  assert.deepEqual(log.append(a, [disconnected(a, 1)]), [false]);
  assert.equal(log.row?.online, true);
  assert.deepEqual(log.append(b, [disconnected(b, 1), disconnected(b, 1)]), [true, false]);
  assert.equal(log.row?.online, false);
});

test("an ended session stays current until another replaces it", () => {
  const log = new Log();
  log.append(a, [connected(a, 1, null), disconnected(a, 1)]);
  assert.deepEqual(log.append(b, [moved(session(a, 1), 7)]), [true]);
  assert.deepEqual(log.append(b, [connected(b, 1, null)]), [false]);
  assert.deepEqual(log.append(b, [connected(b, 1, session(a, 1))]), [true]);
  assert.deepEqual([log.row?.derp, log.row?.online], [7, true]);
});

test("a node that never connected can tell where it is", () => {
  const log = new Log();
  assert.deepEqual(log.append(a, [moved(null, 3), connected(a, 1, null), moved(null, 4)]), [
    true,
    true,
    false,
  ]);
  assert.equal(log.row?.derp, 3);
});

test("what a client leaves out stays", () => {
  const log = new Log();
  const reach = { endpoints: ["192.0.2.1:1"], discoKey: "discokey:1" as DiscoKey, derp: 4, services: [] };
  log.append(a, [{ ...connected(a, 1, null), reach } as LiveEvent, moved(session(a, 1), 5)]);
  assert.deepEqual(
    [log.row?.endpoints, log.row?.discoKey, log.row?.derp],
    [["192.0.2.1:1"], "discokey:1", 5],
  );
});

test("last seen only rises, by a millisecond at least", () => {
  const log = new Log();
  log.append(a, [connected(a, 1, null, 1000), moved(session(a, 1), 1, 900)]);
  assert.equal(log.row?.lastSeen, 1001);
  log.append(a, [disconnected(a, 1, 5000)]);
  assert.equal(log.row?.lastSeen, 5000);
});

test("the end of a gateway process ends its sessions and closes its subject", () => {
  const log = new Log();
  log.append(a, [connected(a, 1, null), { ...connected(a, 2, null), node: nodeId(2) } as LiveEvent]);
  log.append(b, [{ ...connected(b, 1, null), node: nodeId(3) } as LiveEvent]);
  const ended: LiveEvent = { kind: "GatewayEnded", boot: a, lastSeen: 3000 };
  assert.deepEqual(log.append(b, [ended]), [false], "only on its own subject");
  assert.deepEqual(log.append(a, [ended, connected(a, 3, session(a, 1))], { gw: b }), [true, false]);
  assert.deepEqual([log.row?.online, log.row?.lastSeen], [false, 3000]);
  assert.deepEqual(log.fold.live.onlineOf(a), []);
  assert.equal(log.fold.live.live.get(nodeId(3))?.online, true);
  assert.equal(log.append(a, [connected(a, 4, session(a, 1))]), "fenced");
});

test("a session cannot live on another process's subject", () => {
  const log = new Log();
  assert.deepEqual(log.append(b, [connected(a, 1, null)]), [false]);
});

test("a late copy of a message is void", () => {
  const log = new Log();
  log.append(a, [connected(a, 1, null)], { id: "first" });
  assert.equal(log.append(a, [connected(a, 1, null)], { prev: { seq: 0, id: "" } }), "prev");
  assert.equal(log.append(a, [disconnected(a, 1)], { epoch: "f" }), "epoch");
  assert.deepEqual(log.append(a, [disconnected(a, 1)]), [true]);
});

test("a forgotten node has no row, and starts anew", () => {
  const log = new Log();
  const forget: LiveEvent = { kind: "NodeForgotten", node: one };
  log.append(a, [connected(a, 1, null)]);
  assert.deepEqual(log.append(a, [forget, forget, connected(a, 2, null)]), [true, false, true]);
});

test("ended processes do not pile up", () => {
  const log = new Log();
  for (let i = 0; i < 400; i++) {
    const boot = `boot${i}` as BootId;
    log.append(boot, [{ kind: "GatewayEnded", boot, lastSeen: 1 }]);
  }
  assert.equal(log.fold.live.boots.size, 256);
  assert.ok(log.fold.live.boots.has("boot399" as BootId) && !log.fold.live.boots.has("boot0" as BootId));
});

test("who is online follows from the rows, and nobody is online through an ended process", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { live } = randomHistory(seed, 80, { activity: 90 }).fold;
      for (const row of live.live.values()) {
        const boot = row.session === null ? undefined : bootOf(row.session);
        const listed = boot !== undefined && live.onlineOf(boot).includes(row.id);
        assert.equal(row.online, listed);
        if (row.online && boot !== undefined) assert.notEqual(live.boots.get(boot)?.ended, true);
      }
    }),
    { numRuns: 40, includeErrorInReport: true },
  );
});
