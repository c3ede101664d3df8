// The law of the netmap (design 4): the deltas that a stream got, applied to its first map, give the map that it would
// get now. One run is one random history: nodes, users, policies and settings change, streams come, lag and go.

import assert from "node:assert/strict";
import type { Node } from "../../domain/directory/state.ts";
import type { NodeId, UserId } from "../../domain/ids.ts";
import { Netmap } from "../engine.ts";
import type { NetmapSession } from "../engine.ts";
import { ClientNetmap, readFrame } from "./apply.ts";
import { randomPolicy } from "./policies.ts";
import { TestTailnet, epoch, testSettings } from "./tailnet.ts";

interface Stream {
  readonly node: number;
  readonly capver: number;
  readonly session: NetmapSession;
  readonly client: ClientNetmap;
  /** Woken and not read since. */
  due: boolean;
}

/** Small, fast and the same everywhere: mulberry32. */
function randomOf(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

class History {
  readonly pick: (n: number) => number;
  readonly net = new TestTailnet();
  now = epoch;
  private readonly engine: Netmap;
  private readonly streams = new Set<Stream>();
  private nextNode = 1;
  private seen = epoch;

  constructor(seed: number) {
    this.pick = randomOf(seed);
    for (let id = 1; id <= 3; id++) this.net.user(id);
    this.engine = this.makeEngine();
  }

  step(): void {
    const kind = this.pick(10);
    if (kind === 0) this.open();
    else if (kind === 1) this.close();
    else if (kind === 2) this.passTime();
    else {
      const before = this.streams.size;
      const writes = Array.from({ length: 1 + this.pick(3) }, () => this.change());
      this.engine.apply(this.net.message(() => writes.forEach((write) => write())));
      assert.equal(this.streams.size, before);
    }
    for (const stream of this.streams) if (stream.due && this.pick(3) === 0) this.read(stream);
  }

  /** Every stream reads what is due, and must then have what a new stream would get. */
  settle(): void {
    const engine = this.makeEngine();
    for (const stream of this.streams) {
      if (stream.due) this.read(stream);
      if (!stream.session.ended) this.compare(stream, engine);
    }
  }

  private makeEngine(): Netmap {
    return new Netmap(this.net.directory, this.net.live, { compress: false, now: () => this.now });
  }

  private open(): void {
    const node = this.anyNode();
    if (node === undefined || this.streams.size > 8) return;
    const capver = [113, 131, 142][this.pick(3)] ?? 142;
    const client = new ClientNetmap();
    const session = this.engine.open({ node, capver, onDirty: () => this.wake(stream) });
    assert.ok(session);
    const stream: Stream = { node, capver, session, client, due: false };
    for (const frame of session.full()) client.apply(readFrame(frame));
    this.streams.add(stream);
  }

  private wake(stream: Stream): void {
    assert.equal(stream.due, false, "woken twice");
    stream.due = true;
  }

  private close(): void {
    const stream = [...this.streams][this.pick(Math.max(this.streams.size, 1))];
    stream?.session.close();
    if (stream !== undefined) this.streams.delete(stream);
  }

  private read(stream: Stream): void {
    stream.due = false;
    for (const frame of stream.session.take()) stream.client.apply(readFrame(frame));
    const exists = this.net.directory.nodes.has(stream.node as NodeId);
    assert.equal(stream.session.ended, !exists, "a stream ends exactly when its node is gone");
    if (exists) return;
    assert.ok(Date.parse(String(stream.client.self?.["KeyExpiry"])) < this.now, "a deleted node is told");
    stream.session.close();
    this.streams.delete(stream);
  }

  /** The truth is a new engine's, so that what the old one failed to follow shows too. */
  private compare(stream: Stream, engine: Netmap): void {
    const fresh = engine.open({ node: stream.node as NodeId, capver: stream.capver, onDirty: () => {} });
    assert.ok(fresh);
    const truth = new ClientNetmap();
    for (const frame of fresh.full()) truth.apply(readFrame(frame));
    fresh.close();
    assert.deepEqual(stream.client.normal(), truth.normal());
  }

  private passTime(): void {
    this.now += 1000 * (1 + this.pick(30));
    for (const node of this.net.directory.nodes.values())
      if (node.expiry !== null && node.expiry <= this.now) this.engine.expire(node.id);
  }

  private change(): () => void {
    const kind = this.pick(16);
    if (kind < 3) return () => this.join();
    if (kind < 10) return () => this.changeNode();
    if (kind < 13) return () => this.moveNode();
    if (kind === 13) return () => this.changeUser();
    return kind === 14 ? () => this.changePolicy() : () => this.changeSettings();
  }

  private join(): void {
    if (this.net.directory.nodes.size > 12) return;
    const id = this.nextNode++;
    this.net.node(id, { ...this.owner(), createdAt: this.now });
    if (this.pick(2) === 0) this.net.presence(id, { online: true, lastSeen: this.tick() });
  }

  private changeNode(): void {
    const id = this.anyNode();
    if (id === undefined) return;
    const changes: readonly (() => Partial<Node> | undefined)[] = [
      () => this.delete(id),
      () => this.owner(),
      () => ({ name: `name${this.pick(1000)}` }),
      () => ({ nodeKey: `nodekey:${this.pick(1e9).toString(16).padStart(64, "0")}` as Node["nodeKey"] }),
      () => ({ expiry: this.pick(2) === 0 ? null : this.now + 1000 * (this.pick(60) - 20) }),
      () => ({ expiry: null }),
      () => ({ host: { OS: "linux", Hostname: `host${this.pick(3)}`, AppConnector: this.pick(2) === 0 } }),
      () => ({ routes: this.some(["10.1.0.0/24", "10.2.0.0/24", "0.0.0.0/0", "::/0"]) }),
      () => ({ approvedRoutes: this.some(["10.1.0.0/24", "0.0.0.0/0", "::/0"]) }),
      () => ({ routes: ["10.1.0.0/24"], approvedRoutes: ["10.1.0.0/24"] }),
      () => ({ capver: 113 + this.pick(30) }),
      () => ({ addresses: { v4: `100.64.0.${this.pick(2) === 0 ? id : 100 + this.pick(50)}` } }),
    ];
    const change = changes[this.pick(changes.length)]?.();
    if (change !== undefined && this.net.directory.nodes.has(id)) this.net.node(id, change);
  }

  private delete(id: NodeId): undefined {
    this.net.directory.nodes.delete(id);
    if (this.pick(2) === 0) this.net.live.live.delete(id);
  }

  private moveNode(): void {
    const id = this.anyNode();
    if (id === undefined) return;
    const all = ["192.0.2.1:1", "192.0.2.2:2", "[2001:db8::1]:3"];
    const lastSeen = this.tick();
    const moves = [
      () => ({ online: this.pick(2) === 0 }),
      () => ({ endpoints: all.slice(this.pick(4)).toSorted(() => this.pick(3) - 1) }),
      () => ({ derp: this.pick(3) }),
      () => ({ discoKey: `discokey:${this.pick(1e9).toString(16).padStart(64, "0")}` as never }),
      () => ({ services: [{ Proto: "peerapi4", Port: this.pick(3) }] }),
    ];
    const chosen = moves[this.pick(moves.length)]?.() ?? {};
    this.net.presence(id, { ...chosen, lastSeen });
  }

  private changeUser(): void {
    const id = 1 + this.pick(4);
    const key = id as UserId;
    const owns = this.net.directory.index.nodesByUser(key).length > 0;
    if (this.pick(4) === 0 && !owns) this.net.directory.users.delete(key);
    else
      this.net.user(id, `user${this.pick(2) === 0 ? id : 1 + this.pick(4)}`, {
        displayName: `D${this.pick(3)}`,
      });
  }

  private changePolicy(): void {
    const text = randomPolicy(this.pick);
    if (text === undefined) this.net.directory.policy.delete("policy");
    else {
      assert.deepEqual(this.engine.check(text), []);
      this.net.policy(text);
    }
  }

  private changeSettings(): void {
    const { dns } = testSettings;
    this.net.settings({
      ...testSettings,
      prefixes: { ...testSettings.prefixes, v4: this.pick(4) === 0 ? "10.77.0.0/16" : "100.64.0.0/10" },
      taildrop: this.pick(2) === 0,
      logtail: this.pick(2) === 0,
      dns: {
        ...dns,
        baseDomain: this.pick(4) === 0 ? "other.test" : dns.baseDomain,
        nameservers: this.pick(2) === 0 ? ["https://dns.nextdns.io/abc"] : dns.nameservers,
      },
    });
  }

  private owner(): Partial<Node> {
    const users = [...this.net.directory.users.values()];
    const user = users[this.pick(users.length + 2)];
    return user === undefined
      ? { user: null, tags: [["tag:a"], ["tag:b"], ["tag:a", "tag:b"]][this.pick(3)] ?? [] }
      : { user: user.id, tags: [] };
  }

  private some<T>(from: readonly T[]): T[] {
    return from.filter(() => this.pick(2) === 0);
  }

  private anyNode(): NodeId | undefined {
    const ids = [...this.net.directory.nodes.entries()].map(([id]) => id);
    return ids[this.pick(Math.max(ids.length, 1))];
  }

  /** The fold's lastSeen only rises. */
  private tick(): number {
    this.seen = Math.max(this.now, this.seen + 1);
    return this.seen;
  }
}

/** One random history of `steps` steps; throws where the law is broken. */
export function lawRun(seed: number, steps: number): void {
  const history = new History(seed);
  for (let step = 1; step <= steps; step++) {
    try {
      history.step();
      if (step % 5 === 0 || step === steps) history.settle();
    } catch (error) {
      throw new Error(`netmap law broken: seed ${seed}, step ${step} of ${steps}`, { cause: error });
    }
  }
}
