// What the rest needs of a log and of buckets. Two implementations, one contract suite: in memory (with faults)
// and JetStream. Nothing here retries a conflict or hides an unknown outcome: that is the caller's decision.

/** How an append ended. The caller must treat `unknown` as: it may or may not be there, now or later. */
export type AppendOutcome =
  | { readonly kind: "stored"; readonly seq: number }
  /** Somebody was first; `lastSeq` is the subject's last sequence (it may be one's own earlier message). JetStream 10071. */
  | { readonly kind: "conflict"; readonly lastSeq: number }
  /** Another append on this subject is in flight; wait 1–3 ms and look again. JetStream 10164. */
  | { readonly kind: "busy" }
  /** Time-out, no responders, connection lost. */
  | { readonly kind: "unknown"; readonly reason: string }
  /** The store will not take it: disk full, sealed, no permission, too large. `retry` = it may later. */
  | { readonly kind: "refused"; readonly reason: string; readonly retry: boolean };

export interface LogRecord {
  readonly seq: number;
  readonly subject: string;
  readonly data: Uint8Array;
  /** The store's time, milliseconds since 1970. */
  readonly time: number;
}

export interface LogInfo {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly messages: number;
  /** Identity of the stream: differs after it was made again or restored. */
  readonly epoch: string;
}

/** One append-only stream: EVT or ACT. */
export interface Log {
  readonly name: string;
  /** Appends iff the last sequence on this literal subject is `expected` (0 = none). */
  append(subject: string, expected: number, data: Uint8Array): Promise<AppendOutcome>;
  /**
   * Follows the log from `after` (exclusive), in order, without holes, for ever: catches up by reads, then by feed.
   * `apply` is called synchronously once per record. A hole in a log that must have none goes to `onHole` and stops the follower.
   * Resolves once the log's end as of the call has been applied.
   */
  follow(options: FollowOptions): Promise<Follower>;
  /** Asks the leader. Rejects with ProblemError(unavailable) when it cannot be reached. */
  info(): Promise<LogInfo>;
  /** Last sequence of one subject, from the leader; 0 = none. The read that a barrier stands on. */
  lastSeq(subject: string): Promise<number>;
  /** Reads a range for audits: records with from ≤ seq, in order, until the end as of the call. */
  read(from: number, subject?: string): AsyncIterable<LogRecord>;
}

export interface FollowOptions {
  readonly after: number;
  readonly apply: (record: LogRecord) => void;
  readonly onHole: (missing: number) => void;
  /** The stream was made again or went back: everything folded so far is to be dropped. */
  readonly onReset: (reason: string) => void;
}

export interface Follower {
  /** Highest sequence applied. */
  readonly cursor: number;
  /** Resolves once `cursor` ≥ seq; rejects with ProblemError(unavailable) after `ms`. Asks for missing records at once. */
  reached(seq: number, ms: number): Promise<void>;
  stop(): Promise<void>;
}

export interface BucketEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Sequence of the put: what the next put of this key must name. */
  readonly revision: number;
}

export type PutOutcome =
  | { readonly kind: "stored"; readonly revision: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "unknown"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

/** A key-value bucket with compare-and-set and optional expiry per key. Keys: `[-/_=.A-Za-z0-9]+`. */
export interface Bucket {
  readonly name: string;
  /** From the leader; undefined when absent, expired or deleted. */
  get(key: string): Promise<BucketEntry | undefined>;
  /** All present keys below a dotted prefix (`""` = all). */
  entries(prefix: string): AsyncIterable<BucketEntry>;
  /** Puts iff the key's revision is `expected`: 0 = absent (never there, expired or deleted). TTL in seconds ≥ 1. */
  put(key: string, value: Uint8Array, expected: number, ttlSeconds?: number): Promise<PutOutcome>;
  /** Removes the key, if its revision is `expected`. */
  delete(key: string, expected: number): Promise<PutOutcome>;
  /** Follows changes from now on, `value` undefined = gone (deleted or expired). Returns how to stop. */
  watch(
    prefix: string,
    changed: (key: string, entry: BucketEntry | undefined) => void,
  ): Promise<() => Promise<void>>;
}

/** Everything a role needs of the store, opened. */
export interface Store {
  readonly evt: Log;
  readonly act: Log;
  readonly netmap: Bucket;
  readonly lease: Bucket;
  readonly pending: Bucket;
  readonly secret: Bucket;
  /** Largest record in bytes. */
  readonly maxRecord: number;
  /** Round trip to the store in ms; rejects with ProblemError(unavailable). */
  ping(): Promise<number>;
  close(): Promise<void>;
}
