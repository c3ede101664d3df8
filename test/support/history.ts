// Random but reproducible histories of one tailnet: commands over small id spaces, decided in batches by the real
// decider, with activity beside them and with messages that have to be void. For property tests and the laws.

import { encodeAct, encodeEvt } from "@hydrascale/core/domain/codec";
import { decideBatch } from "@hydrascale/core/domain/directory/batch";
import type { BatchItem, BatchOutcome } from "@hydrascale/core/domain/directory/batch";
import type { ClientFacts, Command, DecideContext } from "@hydrascale/core/domain/directory/commands";
import { persistedTables, tableOf } from "@hydrascale/core/domain/documents";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import type {
  ApiKeyId,
  BootId,
  CommandId,
  DiscoKey,
  Millis,
  NodeId,
  SessionId,
  TailnetId,
} from "@hydrascale/core/domain/ids";
import type { LiveEvent } from "@hydrascale/core/domain/live/events";
import type { ActMessage, Decision, EvtMessage, Principal } from "@hydrascale/core/domain/message";
import { actSubject, evtSubject } from "@hydrascale/core/domain/message";
import { login, machine, nodeKey, now, settings } from "./given.ts";

/** Small, fast, the same everywhere. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }
  /** 0 ≤ n < below. */
  int(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  }
  chance(percent: number): boolean {
    return this.int(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }
  some<T>(from: readonly T[], percent: number): T[] {
    return from.filter(() => this.chance(percent));
  }
  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.int(256));
  }
}

const tags = ["tag:red", "tag:blue", "tag:green"];
const hosts = ["laptop", "laptop-1", "Ada's Mac", "", "web", "web.local", "我的电脑", "x".repeat(70)];
const routes = ["10.0.0.0/8", "10.1.2.3/16", "0.0.0.0/0", "::/0", "fd00::1/64", "nonsense"];
const boots = ["aaaa", "bbbb", "cccc"] as BootId[];
const principals: Principal[] = [
  { kind: "local", name: "test" },
  { kind: "api-key", prefix: "hskey-api-1" },
];
const prefixes = [
  { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
  { v4: "100.64.0.0/28", v6: null, allocation: "sequential" },
  { v4: null, v6: "fd7a:115c:a1e0::/48", allocation: "random" },
  { v4: "10.9.0.0/27", v6: "fd7a:115c:a1e0::/48", allocation: "random" },
] as const;

function facts(r: Random): ClientFacts {
  return {
    host: r.chance(90) ? { Hostname: r.pick(hosts), OS: r.pick(["linux", "windows"]) } : {},
    routes: r.some(routes, 20),
    requestTags: r.chance(15) ? r.some(tags, 40) : [],
    capver: r.pick([120, 121]),
  };
}

/** Mostly the id of a row that is there, sometimes any small one. */
function idOf<Id extends number>(r: Random, table: { entries(): Iterable<[Id, unknown]> }): Id {
  const ids = [...table.entries()].map(([id]) => id).sort((a, b) => a - b);
  return ids.length > 0 && r.chance(90) ? r.pick(ids) : ((1 + r.int(16)) as Id);
}

function hashOf(r: Random, { preAuthKeys }: Directory): string {
  const id = idOf(r, preAuthKeys);
  return preAuthKeys.get(id)?.hash ?? "unknown";
}

type Directory = TailnetFold["directory"];

const makers: ((r: Random, at: Millis, directory: Directory) => Command)[] = [
  (r) => ({ kind: "CreateUser", name: r.pick(["ada", "bob", "Bob", "kim@corp.example", "k", "eve"]) }),
  (r, _, d) => ({ kind: "RenameUser", user: idOf(r, d.users), name: r.pick(["ada", "zoe", "kim@"]) }),
  (r, _, d) => ({ kind: "DeleteUser", user: idOf(r, d.users) }),
  (r, at, d) => ({
    kind: "CreatePreAuthKey",
    hash: `key${r.int(40)}`,
    prefix: "hskey-auth-x",
    user: r.chance(70) ? idOf(r, d.users) : null,
    tags: r.chance(30) ? r.some(tags, 50) : [],
    reusable: r.chance(40),
    ephemeral: r.chance(20),
    expiry: r.chance(30) ? at + r.int(10) * 600_000 : null,
  }),
  (r, _, d) => ({ kind: "ExpirePreAuthKey", key: idOf(r, d.preAuthKeys) }),
  (r, _, d) => ({ kind: "DeletePreAuthKey", key: idOf(r, d.preAuthKeys) }),
  (r) => ({ kind: "CreateApiKey", hash: `api${r.int(6)}`, prefix: "hskey-api-x", expiry: null }),
  (r, _, d) => ({ kind: "ExpireApiKey", key: idOf(r, d.apiKeys) }),
  (r, _, d) => ({ kind: "DeleteApiKey", key: idOf(r, d.apiKeys) }),
  (r, at, d) => ({
    kind: "SetNodeExpiry",
    node: idOf(r, d.nodes),
    expiry: r.chance(50) ? null : at + r.int(3) * 600_000,
  }),
  (r, _, d) => ({
    kind: "RenameNode",
    node: idOf(r, d.nodes),
    name: r.pick(["web", "db", "UPPER", "", "laptop"]),
  }),
  (r, _, d) => ({ kind: "TagNode", node: idOf(r, d.nodes), tags: r.some(tags, 40) }),
  (r, _, d) => ({ kind: "ApproveRoutes", node: idOf(r, d.nodes), routes: r.some(routes, 30) }),
  (r, _, d) => ({ kind: "DeleteNode", node: idOf(r, d.nodes) }),
  () => ({ kind: "BackfillAddresses" }),
  (r) => ({ kind: "ApproveLogin", login: login(r.int(20)) }),
  (r) => ({ kind: "DenyLogin", login: login(r.int(20)) }),
  (r) => ({
    kind: "SetPolicy",
    text: r.pick(["{}", "{ }", "//"]),
    source: "api",
    ifMatch: r.chance(20) ? 0 : null,
  }),
  (r) => {
    const chosen = r.pick(prefixes);
    const nodeExpiry = r.pick([0, 7_200_000]);
    const hash = `${chosen.v4} ${chosen.allocation} ${nodeExpiry}`;
    return {
      kind: "ChangeSettings",
      source: "file",
      hash,
      settings: { ...settings, prefixes: chosen, nodeExpiry },
    };
  },
];

const anyNode = (r: Random): NodeId => (1 + r.int(16)) as NodeId;

function register(r: Random, at: Millis, directory: Directory): Command {
  const m = r.int(6);
  return {
    kind: "RegisterNode",
    machineKey: machine(m),
    // Mostly a key of the machine's own; sometimes another machine's.
    nodeKey: nodeKey((r.chance(95) ? m : r.int(6)) * 10 + r.int(3)),
    oldNodeKey: r.chance(40) ? nodeKey(m * 10 + r.int(3)) : null,
    auth: r.chance(65)
      ? { kind: "pre-auth-key", hash: hashOf(r, directory) }
      : {
          kind: "user",
          user: idOf(r, directory.users),
          login: login(r.int(200)),
          method: r.pick(["cli", "oidc"]),
        },
    expiry: r.chance(20) ? at + r.int(10) * 600_000 : null,
    ephemeral: r.chance(15),
    ...facts(r),
  };
}

/** What one of the tailnet's nodes asks for itself. */
function fromNode(r: Random, at: Millis, fold: TailnetFold): Command {
  const nodes = [...fold.directory.nodes.values()].sort((a, b) => a.id - b.id);
  if (nodes.length === 0) return register(r, at, fold.directory);
  const { id: node, machineKey, nodeKey: own } = r.pick(nodes);
  const key = r.chance(90) ? own : nodeKey(r.int(60));
  const expiry = r.chance(30) ? at + r.int(10) * 600_000 : null;
  return r.pick<Command>([
    { kind: "ResumeNode", node, machineKey, nodeKey: key, expiry, ...facts(r) },
    { kind: "UpdateHost", node, nodeKey: key, ...facts(r) },
    { kind: "UpdateHost", node, nodeKey: key, ...facts(r) },
    { kind: "LogoutNode", node, machineKey, nodeKey: key },
    { kind: "SweepEphemeral", node, nodeKey: key },
  ]);
}

export function randomCommand(r: Random, at: Millis, fold: TailnetFold): Command {
  if (fold.directory.users.size === 0) return { kind: "CreateUser", name: "ada" };
  if (fold.directory.preAuthKeys.size < 3)
    return (makers[3] as (typeof makers)[number])(r, at, fold.directory);
  const dice = r.int(100);
  if (dice < 35) return register(r, at, fold.directory);
  if (dice < 55) return fromNode(r, at, fold);
  if (dice < 57 || !fold.directory.settings.has("settings")) {
    return (makers.at(-1) as (typeof makers)[number])(r, at, fold.directory);
  }
  return r.pick(makers)(r, at, fold.directory);
}

/** Every tag is known; users with an odd id may give every tag. */
export const policyOf = (fold: TailnetFold): DecideContext["policy"] => ({
  version: fold.directory.policy.get("policy")?.version ?? 0,
  tagExists: (tag) => tags.includes(tag),
  mayTag: (user, tag) => user % 2 === 1 && tags.includes(tag),
});

export interface HistoryRecord {
  readonly log: "evt" | "act";
  readonly seq: number;
  readonly subject: string;
  readonly data: Uint8Array;
  /** Made to be skipped. */
  readonly void: boolean;
}

export interface History {
  readonly tid: TailnetId;
  readonly epoch: string;
  readonly records: readonly HistoryRecord[];
  /** Everything folded. */
  readonly fold: TailnetFold;
  /** What was asked, and what became of it at last (never `deferred`). */
  readonly asked: readonly { readonly item: BatchItem; readonly outcome: BatchOutcome }[];
}

export interface HistoryOptions {
  /** Called after every record, e.g. to keep a position. */
  readonly each?: (fold: TailnetFold, record: HistoryRecord) => void;
  /** Percent of the steps that are activity; default 30. */
  readonly activity?: number;
}

/** A history of about `n` steps; the same for the same arguments. */
export function randomHistory(seed: number, n: number, options: HistoryOptions = {}): History {
  const writer = new Writer(new Random(seed), options);
  for (let i = 0; i < n; i++) writer.step(i);
  return { tid: writer.tid, epoch, records: writer.records, fold: writer.fold, asked: writer.asked };
}

const epoch = "e1";

class Writer {
  readonly tid = "default" as TailnetId;
  readonly fold = new TailnetFold(this.tid, epoch);
  readonly records: HistoryRecord[] = [];
  readonly asked: { item: BatchItem; outcome: BatchOutcome }[] = [];
  private readonly r: Random;
  private readonly options: HistoryOptions;
  private at: Millis = now;
  private evtSeq = 0;
  private actSeq = 0;
  private ids = 0;
  private sessions = 0;

  constructor(r: Random, options: HistoryOptions) {
    this.r = r;
    this.options = options;
  }

  step(i: number): void {
    const { r } = this;
    // Mostly forward, now and then a clock that is behind, or a quiet night.
    this.at += r.chance(2) ? 13 * 3_600_000 : r.chance(5) ? -r.int(60_000) : r.int(600_000);
    if (r.chance(this.options.activity ?? 30)) this.activity(i);
    else this.commands();
  }

  private commands(): void {
    const { r } = this;
    let items = Array.from({ length: 1 + r.int(4) }, () => this.item());
    while (items.length > 0) {
      const policy = policyOf(this.fold);
      items = items.map(({ command, ctx }) => ({ command, ctx: { ...ctx, policy } }));
      const { outcomes, decisions } = decideBatch(this.fold, items);
      if (decisions.length > 0) this.append(decisions);
      const left: BatchItem[] = [];
      items.forEach((item, i) => {
        const outcome = outcomes[i] as BatchOutcome;
        if (outcome.kind === "deferred") left.push(item);
        else this.asked.push({ item, outcome });
      });
      items = left;
    }
  }

  private item(): BatchItem {
    const { r } = this;
    const again = this.asked.length > 0 && r.chance(5) ? r.pick(this.asked).item : undefined;
    const command = again?.command ?? randomCommand(r, this.at, this.fold);
    const random = new Random(r.int(1 << 30));
    const ctx: DecideContext = {
      id: again !== undefined && r.chance(80) ? again.ctx.id : (`c${++this.ids}` as CommandId),
      by: r.chance(80) ? (principals[0] as Principal) : r.pick(principals),
      now: this.at,
      random: (n) => random.bytes(n),
      policy: policyOf(this.fold),
    };
    return { command, ctx };
  }

  private append(decisions: readonly Decision[]): void {
    const { r } = this;
    const id = `m${++this.ids}`;
    const message: EvtMessage = { v: 1, epoch, prev: this.fold.evt, id, gw: r.pick(boots), decisions };
    if (r.chance(6)) this.ghost(message);
    this.put("evt", evtSubject(this.tid), encodeEvt(message), false);
    if (r.chance(4)) this.put("evt", evtSubject(this.tid), encodeEvt(message), true);
  }

  /** Something that must not count. */
  private ghost(message: EvtMessage): void {
    const bad = this.r.pick<Uint8Array>([
      encodeEvt({ ...message, epoch: "e0" }),
      encodeEvt({ ...message, prev: { seq: message.prev.seq, id: "other" } }),
      encodeEvt({ ...message, prev: { seq: message.prev.seq + 1, id: message.prev.id } }),
      encodeEvt(message).slice(0, -3),
      encodeEvt({ ...message, decisions: [] }),
      new Uint8Array([0xff, 0x00]),
    ]);
    this.put("evt", evtSubject(this.tid), bad, true);
  }

  private activity(i: number): void {
    const { r } = this;
    const boot = r.pick(boots) + String(Math.floor(i / 40));
    const events: LiveEvent[] = Array.from({ length: 1 + r.int(3) }, () => this.liveEvent(boot as BootId));
    const prev = this.fold.actPosition(boot as BootId);
    const fenced = this.fold.live.boots.get(boot as BootId)?.ended === true;
    const message: ActMessage = {
      v: 1,
      epoch,
      prev,
      id: `a${++this.ids}`,
      gw: boot as BootId,
      at: this.at,
      events,
    };
    const subject = actSubject(this.tid, boot as BootId);
    this.put("act", subject, encodeAct(message), fenced);
    if (r.chance(5)) this.put("act", subject, encodeAct(message), true);
  }

  private liveEvent(boot: BootId): LiveEvent {
    const { r, at } = this;
    const node = anyNode(r);
    const current = this.fold.live.live.get(node)?.session ?? null;
    const session = r.chance(85) ? current : (`${r.pick(boots)}0.1` as SessionId);
    const reach = r.chance(70) ? { endpoints: [`192.0.2.${r.int(9)}:41641`], derp: r.int(3) } : {};
    const dice = r.int(100);
    if (dice < 45 || session === null) {
      const next = `${boot}.${++this.sessions}` as SessionId;
      return { kind: "NodeConnected", node, session: next, replaces: session, at, reach };
    }
    if (dice < 65)
      return { kind: "NodeMoved", node, session, at, reach: { discoKey: "discokey:1" as DiscoKey } };
    if (dice < 88) return { kind: "NodeDisconnected", node, session, at };
    if (dice < 92) return { kind: "ApiKeyUsed", key: (1 + r.int(4)) as ApiKeyId, at };
    if (dice < 96) return { kind: "NodeForgotten", node };
    return { kind: "GatewayEnded", boot: r.chance(90) ? boot : ("zzzz" as BootId), lastSeen: at };
  }

  private put(log: "evt" | "act", subject: string, data: Uint8Array, isVoid: boolean): void {
    // Streams are shared with other tailnets: sequences have gaps.
    const step = 1 + (this.r.chance(20) ? this.r.int(5) : 0);
    const seq = log === "evt" ? (this.evtSeq += step) : (this.actSeq += step);
    const record: HistoryRecord = { log, seq, subject, data, void: isVoid };
    this.records.push(record);
    applyRecord(this.fold, record);
    this.options.each?.(this.fold, record);
  }
}

export const applyRecord = (fold: TailnetFold, record: HistoryRecord) =>
  record.log === "evt" ? fold.applyEvt(record) : fold.applyAct(record);

/** One row as a document holds it. */
export interface StoredRow {
  readonly table: string;
  readonly id: string | number;
  readonly seq: number;
  readonly row: object;
}

/** All rows, as documents would hold them, in a fixed order. */
export function rowsOf(fold: TailnetFold): StoredRow[] {
  const rows: StoredRow[] = [];
  for (const { name } of persistedTables) {
    const table = tableOf(fold, name);
    const ids = [...table.entries()].map(([id]) => id).sort((a, b) => (a < b ? -1 : 1));
    for (const id of ids) rows.push({ table: name, id, seq: table.seqOf(id), row: table.get(id) as object });
  }
  return rows;
}

/** Everything that two equal folds share. */
export const contentsOf = (fold: TailnetFold) => ({
  rows: rowsOf(fold),
  position: { ...fold.position(), boots: [...fold.position().boots].sort((a, b) => (a.id < b.id ? -1 : 1)) },
});
