// A tailnet at a gateway without doors, over the in-memory store and a clock that stands still: for tests of the parts
// between the log and the doors. Several may share one store and one clock.

import { TailnetFold } from "@hydrascale/core/domain/fold";
import type { Command } from "@hydrascale/core/domain/directory/commands";
import type { BootId, NodeId, TailnetId, UserId } from "@hydrascale/core/domain/ids";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { Netmap } from "@hydrascale/core/netmap/engine";
import { silentLog } from "@hydrascale/core/obs/log";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryFaults } from "@hydrascale/core/store/faults";
import type { MemoryStore } from "@hydrascale/core/store/memory";
import { newBootId } from "@hydrascale/gateway/boot";
import type { Http2Response } from "@hydrascale/gateway/http2/port";
import { Lease } from "@hydrascale/gateway/lease";
import { Replica } from "@hydrascale/gateway/replica";
import type { Decided } from "@hydrascale/gateway/service";
import { Tailnet } from "@hydrascale/gateway/tailnet";
import { operator, registering, settings } from "./given.ts";
import { must } from "./nats.ts";

const tid = "main" as TailnetId;

export interface BenchOptions {
  readonly clock?: FakeClock;
  /** Shared with another bench; connected anew. */
  readonly store?: MemoryStore;
  readonly faults?: MemoryFaults;
}

export interface Bench {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly fold: TailnetFold;
  readonly replica: Replica;
  readonly lease: Lease;
  readonly tailnet: Tailnet;
  readonly boot: { current: BootId };
  readonly lost: readonly string[];
  /** Sum of a counter over all labels that contain `having`. */
  count(name: string, having?: string): number;
  /** Executes as an operator and moves the clock until there is an answer; throws on a refusal. */
  must(command: Command): Promise<Decided>;
  stop(): Promise<void>;
}

export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const clock = options.clock ?? new FakeClock();
  const store =
    options.store?.connect() ??
    createMemoryStore({ clock, ...(options.faults === undefined ? {} : { faults: options.faults }) });
  const fold = new TailnetFold(tid, (await clock.complete(store.evt.info())).epoch);
  const counts = new Map<string, number>();
  const counters = {
    inc: (name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void => {
      const key = `${name} ${Object.values(labels).join(" ")}`;
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
  };
  const lost: string[] = [];
  const netmap = new Netmap(fold.directory, fold.live, {
    compress: false,
    now: () => clock.now(),
    derpMapFor: (map) => map,
  });
  const replica = new Replica({
    store,
    tid,
    fold,
    netmap,
    log: silentLog,
    counters,
    onLost: (reason) => lost.push(reason),
  });
  await clock.complete(replica.start());
  const boot = { current: newBootId() };
  const lease = new Lease({
    bucket: store.lease,
    clock,
    log: silentLog,
    value: () => ({
      boot: boot.current,
      role: "gateway",
      version: "0",
      state: "serving",
      addresses: [],
      startedAt: clock.now(),
    }),
    catchUp: async () => {
      const [evt, act] = await Promise.all([store.evt.info(), store.act.info()]);
      await Promise.all([replica.evtReached(evt.lastSeq, 5000), replica.actReached(act.lastSeq, 5000)]);
    },
  });
  let leased = await clock.complete(lease.start());
  for (let attempt = 0; attempt < 10 && !leased; attempt++) leased = await clock.complete(lease.renew());
  if (!leased) throw new Error("no lease");
  const tailnet = new Tailnet({
    store,
    replica,
    lease,
    secrets: { noise: new Uint8Array(32), relay: new Uint8Array(32), mint: new Uint8Array(32).fill(3) },
    clock,
    log: silentLog,
    counters,
    serverUrl: "http://127.0.0.1:9",
    boot,
    random: () => 0.5,
  });
  await clock.complete(tailnet.start(clock.now()));
  return {
    clock,
    store,
    fold,
    replica,
    lease,
    tailnet,
    boot,
    lost,
    count: (name, having = "") =>
      [...counts].reduce(
        (sum, [key, n]) => (key.startsWith(`${name} `) && key.includes(having) ? sum + n : sum),
        0,
      ),
    must: async (command) => must(await clock.complete(tailnet.execute(command, { by: operator }))),
    stop: async () => {
      await clock.complete(tailnet.stop());
      await clock.complete(lease.stop());
      await clock.complete(replica.stop());
      await store.close();
    },
  };
}

/** Standard settings and user 1. */
export async function settle(bench: Bench, change: Partial<typeof settings> = {}): Promise<void> {
  await bench.must({
    kind: "ChangeSettings",
    source: "test",
    hash: "1",
    settings: { ...settings, ...change },
  });
  await bench.must({ kind: "CreateUser", name: "ada" });
}

/** A node of user 1 on machine `n` with node key `n`. */
export async function join(bench: Bench, n: number, ephemeral = false): Promise<NodeId> {
  await bench.must({
    kind: "CreatePreAuthKey",
    hash: `key${n}`,
    prefix: `key${n}`,
    user: 1 as UserId,
    tags: [],
    reusable: false,
    ephemeral,
    expiry: null,
  });
  const { result } = await bench.must(registering(n, { auth: { kind: "pre-auth-key", hash: `key${n}` } }));
  if (result.kind !== "node") throw new Error(`registered as ${result.kind}`);
  return result.node;
}

/** The server's side of an exchange whose client is the test. */
export class FakeResponse implements Http2Response {
  readonly frames: Buffer[] = [];
  status = 0;
  ended = false;
  wasReset = false;
  /** false: the client takes nothing. */
  reads = true;
  private drains: (() => void)[] = [];
  private closes: ((end: "complete" | "aborted") => void)[] = [];

  get closed(): boolean {
    return this.ended || this.wasReset;
  }

  get responded(): boolean {
    return this.status !== 0;
  }

  get queued(): number {
    return 0;
  }

  /** Messages, keep-alives left out. */
  get messages(): Record<string, unknown>[] {
    return this.texts.filter((text) => !text.includes("KeepAlive")).map((text) => JSON.parse(text));
  }

  get texts(): string[] {
    return this.frames.map((frame) => frame.subarray(4).toString());
  }

  respond(status: number): void {
    this.status = status;
  }

  write(chunk: Buffer): boolean {
    this.frames.push(chunk);
    return this.reads;
  }

  end(chunk?: Buffer): void {
    if (chunk !== undefined) this.frames.push(chunk);
    this.finish("complete");
  }

  reset(): void {
    this.wasReset = true;
    this.finish("aborted");
  }

  onDrain(listener: () => void): void {
    this.drains.push(listener);
  }

  onClose(listener: (end: "complete" | "aborted") => void): void {
    this.closes.push(listener);
  }

  /** The client takes what there is. */
  drain(): void {
    this.reads = true;
    for (const listener of this.drains) listener();
  }

  /** The client goes away. */
  leave(): void {
    this.finish("aborted");
  }

  private finish(how: "complete" | "aborted"): void {
    if (this.ended) return;
    this.ended = true;
    for (const listener of this.closes.splice(0)) listener(how);
  }
}

export const connecting = (node: NodeId, response: FakeResponse) => ({
  node,
  capver: 142,
  compress: false,
  reach: { endpoints: ["192.0.2.1:1"], derp: 1 },
  response,
});
