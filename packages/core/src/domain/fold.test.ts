import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyRecord, contentsOf, randomHistory, rowsOf } from "../../../../test/support/history.ts";
import type { HistoryRecord, StoredRow } from "../../../../test/support/history.ts";
import { context, user } from "../../../../test/support/given.ts";
import { decodeEvt, encodeEvt } from "./codec.ts";
import { parsePrefix } from "../lib/ip.ts";
import { decideBatch } from "./directory/batch.ts";
import { evolve } from "./directory/evolve.ts";
import { createDirectory } from "./directory/tables.ts";
import type { DirectoryState } from "./directory/state.ts";
import { documentKey, loadRow, parseDocumentKey, persistedTables } from "./documents.ts";
import type { TableName } from "./documents.ts";
import { TailnetFold } from "./fold.ts";
import type { FoldPosition } from "./fold.ts";
import type { BootId, CommandId, LoginId, TailnetId } from "./ids.ts";
import type { EvtMessage } from "./message.ts";

const tid = "default" as TailnetId;
const seeds = fc.integer({ min: 0, max: 1_000_000 });
const runs = { numRuns: 25, includeErrorInReport: true };

test("every fold skips the same messages, and no other", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const { records, fold, epoch } = randomHistory(seed, 100);
      const other = new TailnetFold(tid, epoch);
      for (const record of records) assert.equal(applyRecord(other, record).valid, !record.void);
      assert.deepEqual(contentsOf(other), contentsOf(fold));
    }),
    runs,
  );
});

test("a history keeps what must hold of a tailnet", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const spent = new Set<number>();
      const born = { node: 0, user: 0 };
      randomHistory(seed, 120, {
        each: (fold, record) => {
          if (record.log === "evt" && !record.void) checkEvents(record, spent, born);
          checkState(fold.directory);
        },
      });
    }),
    runs,
  );
});

function checkEvents(record: HistoryRecord, spent: Set<number>, born: { node: number; user: number }): void {
  const decoded = decodeEvt(record.data);
  assert.ok(decoded.ok);
  for (const event of decoded.message.decisions.flatMap((decision) => decision.events)) {
    if (event.kind === "PreAuthKeyUsed") {
      assert.ok(!spent.has(event.key), `key ${event.key} was used twice`);
      spent.add(event.key);
    }
    if (event.kind === "NodeRegistered") assert.ok(event.node > born.node, "a node id was used again");
    if (event.kind === "NodeRegistered") born.node = event.node;
    if (event.kind === "UserCreated") assert.ok(event.user > born.user, "a user id was used again");
    if (event.kind === "UserCreated") born.user = event.user;
  }
}

function checkState({ nodes, users, preAuthKeys, index }: DirectoryState): void {
  const seen = new Set<string>();
  const once = (what: string): void => {
    assert.ok(!seen.has(what), `${what} is there twice`);
    seen.add(what);
  };
  for (const node of nodes.values()) {
    once(`name ${node.name}`);
    once(`key ${node.nodeKey}`);
    for (const address of Object.values(node.addresses)) once(`address ${address}`);
    if (node.user !== null) once(`machine ${node.machineKey} of user ${node.user}`);
    assert.match(node.name, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    assert.equal(node.user === null, node.tags.length > 0);
    assert.ok(node.user === null || users.has(node.user));
    for (const route of node.routes) assert.ok(parsePrefix(route));
    assert.equal(index.nodeByKey(node.nodeKey), node.id);
    assert.equal(index.nodeByName(node.name), node.id);
    assert.ok(index.nodesByMachine(node.machineKey).includes(node.id));
    assert.ok(node.user === null || index.nodesByUser(node.user).includes(node.id));
  }
  for (const key of preAuthKeys.values()) assert.equal(index.preAuthKeyByHash(key.hash), key.id);
  for (const user of users.values()) once(`user ${user.name.toLowerCase()}`);
}

test("a fold resumed from documents that are in part ahead of their position is the fold of everything", () => {
  fc.assert(
    fc.property(seeds, fc.nat(), fc.nat(), fc.nat(), (seed, a, b, c) => {
      const snapshots: { position: FoldPosition; rows: StoredRow[]; at: number }[] = [];
      const { records, fold, epoch } = randomHistory(seed, 100, {
        each: (so) => snapshots.push({ position: so.position(), rows: rowsOf(so), at: snapshots.length }),
      });
      const later = snapshots[a % snapshots.length];
      const meta = snapshots[b % ((later?.at ?? 0) + 1)];
      if (later === undefined || meta === undefined) return;
      const resumed = new TailnetFold(tid, epoch);
      resumed.resume(meta.position);
      for (const { name, id, row, seq } of writtenInPart(meta.rows, later, c)) {
        const loaded = loadRow(resumed, name, id, row === undefined ? undefined : structuredClone(row), seq);
        assert.ok(loaded.ok);
      }
      for (const record of records.slice(meta.at + 1)) applyRecord(resumed, record);
      assert.deepEqual(contentsOf(resumed), contentsOf(fold));
      checkState(resumed.directory);
    }),
    { ...runs, numRuns: 60 },
  );
});

interface Document {
  readonly name: TableName;
  readonly id: string | number;
  readonly row: object | undefined;
  readonly seq: number;
}

/** The documents after a projector wrote `meta`'s round whole and died in the middle of the next one. */
function writtenInPart(
  meta: readonly StoredRow[],
  later: { readonly rows: readonly StoredRow[]; readonly position: FoldPosition },
  cut: number,
): Document[] {
  const key = (row: StoredRow): string => `${row.table} ${row.id}`;
  const had = new Map(meta.map((row) => [key(row), row]));
  const has = new Map(later.rows.map((row) => [key(row), row]));
  const order = persistedTables.map((table) => table.name as string);
  const document = (row: StoredRow, gone: number | undefined): Document => ({
    name: row.table as TableName,
    id: row.id,
    row: gone === undefined ? row.row : undefined,
    seq: gone ?? row.seq,
  });
  const dirty: Document[] = [];
  for (const row of later.rows) if (had.get(key(row))?.seq !== row.seq) dirty.push(document(row, undefined));
  for (const row of meta) {
    const isAct = row.table === "live" || row.table === "keyUse";
    const head = isAct ? later.position.actCursor : later.position.evtCursor;
    if (!has.has(key(row))) dirty.push(document(row, head));
  }
  dirty.sort((x, y) => order.indexOf(x.name) - order.indexOf(y.name));
  const written = new Map(meta.map((row) => [key(row), document(row, undefined)]));
  for (const one of dirty.slice(0, cut % (dirty.length + 1))) written.set(`${one.name} ${one.id}`, one);
  return [...written.values()];
}

test("deciding a batch leaves no trace, and gives what deciding one by one gives", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 30 }), (seed, size) => {
      const { fold, asked, records, epoch } = randomHistory(seed, 60);
      const items = randomHistory(seed + 1, 40).asked.slice(0, size);
      const before = contentsOf(fold);
      const single = new TailnetFold(tid, epoch);
      for (const record of records) applyRecord(single, record);
      let left = items.map(({ item }, i) => ({ ...item, ctx: { ...item.ctx, id: `n${i}` as CommandId } }));
      const policy = { version: 0, tagExists: () => true, mayTag: () => true };
      const version = fold.directory.policy.get("policy")?.version ?? 0;
      left = left.filter(({ command }) => command.kind !== "SetPolicy");
      left = left.map((item) => ({ ...item, ctx: { ...item.ctx, policy: { ...policy, version } } }));
      const batch = decideBatch(fold, left);
      assert.deepEqual(contentsOf(fold), before);
      assert.ok(asked.length > 0);
      const decisions = left.flatMap((item) => {
        const [outcome] = decideBatch(single, [item]).outcomes;
        const made = decideBatch(single, [item]).decisions;
        append(single, made);
        return outcome?.kind === "decided" ? made : [];
      });
      // Random addresses come out of a generator that each decision moves on; all else has to be the same.
      assert.deepEqual(plain(batch.decisions), plain(decisions));
    }),
    runs,
  );
});

const plain = (decisions: EvtMessage["decisions"]): unknown =>
  JSON.parse(JSON.stringify(decisions), (key, value: unknown) =>
    key === "addresses" || key === "changes" ? "…" : value,
  );

let messages = 0;

function append(fold: TailnetFold, decisions: EvtMessage["decisions"], change: Partial<EvtMessage> = {}) {
  const head = { v: 1, epoch: fold.epoch, prev: fold.evt, id: `t${++messages}`, gw: "b" as BootId } as const;
  const seq = fold.evtCursor + 1;
  return decisions.length === 0
    ? undefined
    : fold.applyEvt({ seq, data: encodeEvt({ ...head, decisions, ...change }) });
}

test("a repeat gets the first answer, and somebody else with the same id is refused", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const { fold, asked } = randomHistory(seed, 80);
      // An id that was let go may have been decided again: the last answer counts.
      const last = new Map(
        asked.filter((one) => one.outcome.kind === "decided").map((one) => [one.item.ctx.id, one]),
      );
      for (const { item, outcome } of last.values()) {
        if (outcome.kind !== "decided" || !fold.directory.recent.has(item.ctx.id)) continue;
        const [again] = decideBatch(fold, [item]).outcomes;
        assert.ok(again?.kind === "repeat");
        assert.deepEqual(again.result, outcome.result);
        const foreign = { ...item, ctx: { ...item.ctx, by: { kind: "nkey", publicKey: "U" } as const } };
        const { outcomes, decisions } = decideBatch(fold, [foreign]);
        assert.ok(outcomes[0]?.kind === "refused" && outcomes[0].problem.code === "conflict");
        assert.equal(decisions.length, 0);
      }
    }),
    runs,
  );
});

test("folding is total: any order of events is survived, and look-ups still follow the rows", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 2, max: 97 }), (seed, stride) => {
      const events = randomHistory(seed, 80, { activity: 0 }).records.flatMap((record) => {
        const decoded = decodeEvt(record.data);
        return decoded.ok ? decoded.message.decisions.flatMap((decision) => decision.events) : [];
      });
      const state = createDirectory();
      events.forEach((_, i) => {
        const event = events[(i * stride) % events.length];
        state.slot.seq = i;
        if (event) evolve(state, event, { seq: i, at: i, by: { kind: "system", name: "test" } });
      });
      for (const node of state.nodes.values()) {
        const lowest = Math.min(
          ...[...state.nodes.values()].filter((n) => n.name === node.name).map((n) => n.id),
        );
        assert.equal(state.index.nodeByName(node.name), lowest);
        assert.ok(!node.ephemeral || [...state.index.ephemeralNodes()].includes(node.id));
      }
    }),
    runs,
  );
});

test("a kind that this version does not know stops the fold; damage does not", () => {
  const fold = new TailnetFold(tid, "e");
  const { id, by, now: at } = context();
  const decision = { id, by, at, events: [user(1, "ada")], result: { kind: "done" } } as const;
  const unknown = { ...decision, events: [{ kind: "NodeBlessed" } as never] };
  assert.equal(fold.applyEvt({ seq: 1, data: new TextEncoder().encode("{") }).valid, false);
  assert.equal(fold.opaque, false);
  assert.equal(append(fold, [decision])?.valid, true);
  const stopped = append(fold, [unknown]);
  assert.ok(stopped?.valid === false && stopped.reason === "unknown-kind");
  assert.equal(fold.opaque, true);
  const after = append(fold, [decision]);
  assert.ok(after?.valid === false && after.reason === "opaque");
  assert.equal(fold.evt.seq, 2);
});

test("fields of a newer version pass through the codec", () => {
  const { id, by, now: at } = context();
  const event = { ...user(1, "ada"), mood: "sunny" };
  const message = {
    ...({ v: 1, epoch: "e", prev: { seq: 0, id: "" }, id: "m", gw: "b" as BootId, extra: [1] } as const),
    decisions: [{ id, by, at, events: [event], result: { kind: "done" } }],
  } as const;
  const decoded = decodeEvt(encodeEvt(message));
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.message, message);
});

test("recent commands are let go after a day, with the logins that they settled, and above their number", () => {
  const fold = new TailnetFold(tid, "e");
  const day = 24 * 3_600_000;
  const asked = (name: string, at: number): EvtMessage["decisions"][number] => ({
    id: name as CommandId,
    by: context().by,
    at,
    events: [{ kind: "LoginDenied", login: `login-${name}` as LoginId }],
    result: { kind: "done" },
  });
  const ask = (prefix: string, count: number, at: (n: number) => number): void => {
    const many = Array.from({ length: count }, (_, n) => asked(`${prefix}${n}`, at(n)));
    for (let n = 0; n < many.length; n += 64) append(fold, many.slice(n, n + 64));
  };
  ask("k", 10, (n) => n);
  ask("y", 990, () => day + 5);
  assert.equal(fold.directory.recent.size, 1_000);
  ask("z", 10, () => day + 5);
  const old = [...fold.directory.recent.entries()].map(([id]) => id).filter((id) => id.startsWith("k"));
  assert.deepEqual(old, ["k5", "k6", "k7", "k8", "k9"]);
  assert.equal(fold.directory.logins.size, 1_005);
  ask("x", 20_030, () => day + 5);
  assert.equal(fold.directory.recent.size, 20_000);
  assert.equal(fold.directory.logins.size, 20_000);
  assert.ok(!fold.directory.recent.has("x29" as CommandId) && fold.directory.recent.has("x30" as CommandId));
});

test("after a decision from a clock that was a year ahead, a repeat still gets the first answer", () => {
  const fold = new TailnetFold(tid, "e");
  const ask = (id: string, name: string, at: number) => {
    const item = {
      command: { kind: "CreateUser", name } as const,
      ctx: context({ id: id as CommandId, now: at }),
    };
    const { decisions, outcomes } = decideBatch(fold, [item]);
    if (decisions.length > 0) append(fold, decisions);
    return outcomes[0]?.kind;
  };
  assert.equal(ask("a", "ada", 366 * 24 * 3_600_000), "decided");
  assert.equal(ask("b", "bob", 1_000), "decided");
  assert.equal(ask("b", "bob", 1_000), "repeat");
});

test("document keys are legal, and lead back to table and id", () => {
  for (const { name } of persistedTables) {
    const number = !["tailnet", "settings", "policy", "counters", "departed", "logins", "recent"].includes(
      name,
    );
    for (const id of number ? [1, 2 ** 53 - 1] : ["counters", "nodekey:00ff", "ä.b*>", "=x", "-_"]) {
      const key = documentKey(tid, name, id);
      assert.match(key, /^[-_=.A-Za-z0-9]+$/);
      assert.deepEqual(parseDocumentKey(key), { tid, table: name, id });
    }
  }
  for (const bad of [
    "",
    "default",
    "default.node",
    "default.node.x",
    "default.node.0",
    "default.node.1.2",
    "default.meta.x",
  ]) {
    assert.equal(parseDocumentKey(bad), undefined);
  }
});
