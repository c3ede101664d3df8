// What a follower needs of one stream. The in-memory store and JetStream both provide it, so the hard part (gaps,
// reconnects, holes, a stream made again) exists once, in follower.ts, and is tested against injected faults.

import type { LogRecord } from "./ports.ts";

/** A record as streams hold it; `gone` marks a delete or expiry marker of a bucket. */
export interface FeedRecord extends LogRecord {
  readonly gone: boolean;
}

export interface SourceState {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly messages: number;
  readonly epoch: string;
  /** Differs when the stream was made again. */
  readonly identity: string;
  /** How long a cut-off leader may go on answering with old sequences; 0 where there is only one server. */
  readonly staleMs: number;
}

/** All methods reject with ProblemError(unavailable) when the store cannot be reached. */
export interface FeedSource {
  /** Asks the leader. */
  state(): Promise<SourceState>;
  /** Records from `from` on, ascending, as many as fit; any replica may answer, so it may be stale or empty. */
  page(from: number, subject?: string): Promise<readonly FeedRecord[]>;
  /** Asks the leader for its first record at or above `from`; `subject` may be a wildcard. */
  next(from: number, subject?: string): Promise<FeedRecord | undefined>;
  /** `feed` gets each stored record, mostly once and in order; `link` learns when the connection drops and is back. */
  subscribe(feed: (record: FeedRecord) => void, link: (up: boolean) => void): Promise<() => void>;
}
