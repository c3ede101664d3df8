// A bucket on JetStream: the wire format of NATS KV (other tools can read it) without its watcher, and with expiry on
// every put. An expired or deleted key leaves a marker for a while; to make the key again, the marker's sequence is what
// has to be named, which callers need not know.

import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/errors.ts";
import type { FeedRecord } from "../store/feed-source.ts";
import type { Bucket, BucketEntry, PutOutcome } from "../store/ports.ts";
import { putOutcome } from "../store/put-outcome.ts";
import { readRange } from "../store/read-range.ts";
import { BucketWatch } from "../store/watch.ts";
import { appendExpecting } from "./append.ts";
import type { NatsLink } from "./connect.ts";
import { streamSource } from "./feed.ts";
import type { StreamSource } from "./feed.ts";
import { bucketFeed, bucketPrefix, bucketStream, isWatched, markerSeconds } from "./settings.ts";
import type { BucketName } from "./settings.ts";

/** A marker may itself expire between the look and the put. */
const absentTries = 3;

export class JetStreamBucket implements Bucket {
  readonly name: BucketName;
  private readonly link: NatsLink;
  private readonly source: StreamSource;
  private readonly prefix: string;
  private readonly watching: BucketWatch;

  constructor(link: NatsLink, clock: Clock, name: BucketName) {
    this.name = name;
    this.link = link;
    this.prefix = bucketPrefix(name);
    this.source = streamSource(link, bucketStream(name), isWatched(name) ? bucketFeed(name) : undefined);
    this.watching = new BucketWatch({ name, source: this.source, clock, subjectPrefix: this.prefix });
  }

  async get(key: string): Promise<BucketEntry | undefined> {
    const record = await this.source.last(this.prefix + key);
    return record === undefined || record.gone ? undefined : this.entryOf(record);
  }

  /** A key that changes meanwhile is moved to the stream's end, so it is read again there: each key once, newest value. */
  async *entries(prefix: string): AsyncIterable<BucketEntry> {
    const found = new Map<string, BucketEntry>();
    const filter = prefix === "" ? `${this.prefix}>` : `${this.prefix}${prefix}.>`;
    for await (const record of readRange(this.source, 1, Number.MAX_SAFE_INTEGER, filter)) {
      const entry = this.entryOf(record);
      if (record.gone) found.delete(entry.key);
      else found.set(entry.key, entry);
    }
    yield* found.values();
  }

  async put(key: string, data: Uint8Array, expected: number, ttlSeconds?: number): Promise<PutOutcome> {
    const subject = this.prefix + key;
    const headers = ttlSeconds === undefined ? {} : { "Nats-TTL": `${Math.max(1, Math.ceil(ttlSeconds))}s` };
    let at = expected;
    for (let attempt = 0; ; attempt++) {
      const outcome = await appendExpecting(this.link, this.source, { subject, expected: at, data, headers });
      if (outcome.kind !== "conflict" || expected !== 0 || attempt === absentTries)
        return putOutcome(outcome);
      const marker = await this.markerOf(subject);
      if (typeof marker !== "number") return marker;
      at = marker;
    }
  }

  async delete(key: string, expected: number): Promise<PutOutcome> {
    if (expected === 0) return { kind: "conflict" };
    return putOutcome(
      await appendExpecting(this.link, this.source, {
        subject: this.prefix + key,
        expected,
        data: new Uint8Array(),
        headers: { "KV-Operation": "DEL", "Nats-TTL": `${markerSeconds}s` },
      }),
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

  /** Sequence that stands for "absent": the marker's, or 0. */
  private async markerOf(subject: string): Promise<number | PutOutcome> {
    try {
      const last = await this.source.last(subject);
      return last?.gone === false ? { kind: "conflict" } : (last?.seq ?? 0);
    } catch (error) {
      if (error instanceof ProblemError) return { kind: "unknown", reason: error.problem.message };
      throw error;
    }
  }

  private entryOf(record: FeedRecord): BucketEntry {
    return { key: record.subject.slice(this.prefix.length), value: record.data, revision: record.seq };
  }
}
