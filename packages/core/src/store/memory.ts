// The store in memory: same contract as JetStream, plus faults drawn from a seed. Several connections share one set of
// streams, so several gateways can be simulated in one process. Without faults every answer comes within the turn.

import type { Clock } from "../lib/clock.ts";
import { ProblemError, problem } from "../lib/errors.ts";
import { FaultPlan } from "./faults.ts";
import type { MemoryFaults } from "./faults.ts";
import type { FeedRecord, FeedSource } from "./feed-source.ts";
import { pause, startFollower } from "./follower.ts";
import type { Holes } from "./follower.ts";
import { MemoryStream } from "./memory-stream.ts";
import type { StreamAnswer, StreamWrite } from "./memory-stream.ts";
import type {
  AppendOutcome,
  Bucket,
  BucketEntry,
  Follower,
  FollowOptions,
  Log,
  LogInfo,
  LogRecord,
  PutOutcome,
  Store,
} from "./ports.ts";
import { putOutcome } from "./put-outcome.ts";
import { readRange } from "./read-range.ts";
import { BucketWatch } from "./watch.ts";

export interface MemoryOptions {
  readonly clock: Clock;
  readonly faults?: MemoryFaults;
  /** Of all streams; "e1" unless given. */
  readonly epoch?: string;
}

export interface MemoryStore extends Store {
  /** Another client of the same streams. */
  connect(): MemoryStore;
  readonly control: MemoryControl;
}

/** What a test does to the store. */
export interface MemoryControl {
  /** Drops this connection, or brings it back. */
  link(up: boolean): void;
  /** Drops every connection, or brings them back. */
  available(up: boolean): void;
  /** No more faults; what is under way still lands. */
  calm(): void;
  stream(name: StreamName): MemoryStream;
}

export type StreamName = "EVT" | "ACT" | "netmap" | "lease" | "pending" | "secret";

const maxRecord = 4 * 1024 * 1024 - 64 * 1024;

export function createMemoryStore(options: MemoryOptions): MemoryStore {
  return new Server(options).connect();
}

class Server {
  readonly clock: Clock;
  readonly plan: FaultPlan;
  readonly links = new Set<Link>();
  readonly streams: Readonly<Record<StreamName, MemoryStream>>;

  constructor(options: MemoryOptions) {
    this.clock = options.clock;
    this.plan = new FaultPlan(options.faults);
    const make = (name: StreamName, keepsAll: boolean) =>
      new MemoryStream(name, options.clock, keepsAll, options.epoch ?? "e1");
    this.streams = {
      EVT: make("EVT", true),
      ACT: make("ACT", true),
      netmap: make("netmap", false),
      lease: make("lease", false),
      pending: make("pending", false),
      secret: make("secret", false),
    };
  }

  connect(): MemoryStore {
    const link = new Link(this);
    this.links.add(link);
    const log = (name: "EVT" | "ACT", holes: Holes) => new MemoryLog(link, this.streams[name], holes);
    const bucket = (name: "netmap" | "lease" | "pending" | "secret") =>
      new MemoryBucket(link, this.streams[name]);
    const buckets = {
      netmap: bucket("netmap"),
      lease: bucket("lease"),
      pending: bucket("pending"),
      secret: bucket("secret"),
    };
    return {
      evt: log("EVT", "none"),
      act: log("ACT", "prefix"),
      ...buckets,
      maxRecord,
      ping: async () => {
        const began = this.clock.monotonic();
        await link.read(() => undefined);
        return this.clock.monotonic() - began;
      },
      close: async () => {
        for (const each of Object.values(buckets)) await each.close();
        link.set(false);
        this.links.delete(link);
        if (this.links.size === 0) for (const each of Object.values(this.streams)) each.cancelTimers();
      },
      connect: () => this.connect(),
      control: {
        link: (up) => link.set(up),
        available: (up) => {
          for (const each of this.links) each.set(up);
        },
        calm: () => this.plan.calm(),
        stream: (name) => this.streams[name],
      },
    };
  }
}

/** One connection: what it is up to, and every way in which its messages go astray. */
class Link {
  readonly server: Server;
  private up = true;
  private readonly watchers = new Set<(up: boolean) => void>();

  constructor(server: Server) {
    this.server = server;
  }

  set(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const watcher of this.watchers) watcher(up);
  }

  async read<T>(question: () => T): Promise<T> {
    await this.delay();
    if (!this.up) throw new ProblemError(problem("unavailable", "memory store: not connected"));
    const answer = question();
    await this.delay();
    return answer;
  }

  async write(stream: MemoryStream, write: StreamWrite): Promise<AppendOutcome> {
    const { plan, clock } = this.server;
    if (write.data.length > maxRecord) {
      return { kind: "refused", reason: "record too large", retry: false };
    }
    if (plan.chance("outage")) this.drop(plan.outageMs());
    if (!this.up) return { kind: "unknown", reason: "not connected" };
    const fault = plan.write();
    if (fault === "ghost") {
      clock.after(plan.ghostMs(), () => stream.write(write));
      await pause(clock, plan.timeoutMs);
      return { kind: "unknown", reason: "time-out" };
    }
    await this.delay();
    if (!this.up) return { kind: "unknown", reason: "connection lost" };
    if (fault === "busy" || stream.inFlight.has(write.subject)) return { kind: "busy" };
    let answer = await this.commit(stream, write);
    if (fault === "twice") answer = await this.commit(stream, write);
    if (fault === "lost-ack") {
      await pause(clock, plan.timeoutMs);
      return { kind: "unknown", reason: "time-out" };
    }
    await this.delay();
    return this.up ? answer : { kind: "unknown", reason: "connection lost" };
  }

  listen(stream: MemoryStream, feed: (record: FeedRecord) => void, link: (up: boolean) => void): () => void {
    const { plan, clock } = this.server;
    const deliver = (record: FeedRecord) => {
      if (this.up) feed(record);
    };
    const unlisten = stream.listen((record) => {
      if (!this.up || plan.chance("feedDrop")) return;
      for (let copies = plan.chance("feedTwice") ? 2 : 1; copies > 0; copies--) {
        const ms = plan.delay();
        if (ms === 0) deliver(record);
        else clock.after(ms, () => deliver(record));
      }
    });
    this.watchers.add(link);
    return () => {
      unlisten();
      this.watchers.delete(link);
    };
  }

  private drop(ms: number): void {
    this.set(false);
    this.server.clock.after(ms, () => this.set(true));
  }

  private async delay(): Promise<void> {
    const ms = this.server.plan.delay();
    if (ms > 0) await pause(this.server.clock, ms);
  }

  private async commit(stream: MemoryStream, write: StreamWrite): Promise<StreamAnswer> {
    stream.inFlight.add(write.subject);
    await this.delay();
    stream.inFlight.delete(write.subject);
    return stream.write(write);
  }
}

const sourceOf = (link: Link, stream: MemoryStream): FeedSource => ({
  state: () => link.read(() => stream.state()),
  page: (from, subject) => link.read(() => stream.page(from, subject)),
  next: (from, subject) => link.read(() => stream.next(from, subject)),
  subscribe: async (feed, changed) => {
    if (stream.name === "secret") {
      throw new ProblemError(problem("unsupported", "bucket secret: its changes are not published"));
    }
    return link.listen(stream, feed, changed);
  },
});

class MemoryLog implements Log {
  readonly name: string;
  private readonly link: Link;
  private readonly stream: MemoryStream;
  private readonly holes: Holes;

  constructor(link: Link, stream: MemoryStream, holes: Holes) {
    this.name = stream.name;
    this.link = link;
    this.stream = stream;
    this.holes = holes;
  }

  append(subject: string, expected: number, data: Uint8Array): Promise<AppendOutcome> {
    return this.link.write(this.stream, { subject, expected, data });
  }

  follow(options: FollowOptions): Promise<Follower> {
    return startFollower({
      ...options,
      name: this.name,
      source: sourceOf(this.link, this.stream),
      clock: this.link.server.clock,
      holes: this.holes,
    });
  }

  async info(): Promise<LogInfo> {
    const { firstSeq, lastSeq, messages, epoch } = await this.link.read(() => this.stream.state());
    return { firstSeq, lastSeq, messages, epoch };
  }

  lastSeq(subject: string): Promise<number> {
    return this.link.read(() => this.stream.lastSeqOf(subject));
  }

  async *read(from: number, subject?: string): AsyncIterable<LogRecord> {
    const { lastSeq } = await this.info();
    yield* readRange(sourceOf(this.link, this.stream), from, lastSeq, subject);
  }
}

class MemoryBucket implements Bucket {
  readonly name: string;
  private readonly link: Link;
  private readonly stream: MemoryStream;
  private readonly watching: BucketWatch;

  constructor(link: Link, stream: MemoryStream) {
    this.name = stream.name;
    this.link = link;
    this.stream = stream;
    this.watching = new BucketWatch({
      name: stream.name,
      source: sourceOf(link, stream),
      clock: link.server.clock,
      subjectPrefix: "",
    });
  }

  async get(key: string): Promise<BucketEntry | undefined> {
    const record = await this.link.read(() => this.stream.last(key));
    return record === undefined || record.gone ? undefined : entryOf(record);
  }

  async *entries(prefix: string): AsyncIterable<BucketEntry> {
    const records = await this.link.read(() => this.stream.lastOfEach());
    for (const record of records) {
      if (!record.gone && (prefix === "" || record.subject.startsWith(`${prefix}.`))) yield entryOf(record);
    }
  }

  async put(key: string, data: Uint8Array, expected: number, ttlSeconds?: number): Promise<PutOutcome> {
    const marker = this.stream.last(key);
    const at = expected === 0 && marker?.gone === true ? marker.seq : expected;
    const write = { subject: key, expected: at, data };
    return putOutcome(
      await this.link.write(
        this.stream,
        ttlSeconds === undefined ? write : { ...write, ttlMs: ttlSeconds * 1_000 },
      ),
    );
  }

  async delete(key: string, expected: number): Promise<PutOutcome> {
    if (expected === 0) return { kind: "conflict" };
    return putOutcome(
      await this.link.write(this.stream, { subject: key, expected, data: new Uint8Array(), gone: true }),
    );
  }

  watch(
    prefix: string,
    changed: (key: string, entry: BucketEntry | undefined) => void,
  ): Promise<() => Promise<void>> {
    return this.watching.add(prefix, changed);
  }

  close(): Promise<void> {
    return this.watching.close();
  }
}

const entryOf = (record: FeedRecord): BucketEntry => ({
  key: record.subject,
  value: record.data,
  revision: record.seq,
});
