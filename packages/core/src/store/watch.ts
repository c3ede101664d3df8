// Changes of one bucket, for any number of watchers over one follower. Holes are normal here: only a key's last record
// is kept. A change is told at least once; a removal whose marker expired while the connection was down is not, so what
// must know of absence asks. When the bucket was made again, every present key is told anew.

import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/errors.ts";
import type { FeedRecord, FeedSource } from "./feed-source.ts";
import { pause, startFollower } from "./follower.ts";
import type { BucketEntry, Follower } from "./ports.ts";

export interface WatchOptions {
  readonly name: string;
  readonly source: FeedSource;
  readonly clock: Clock;
  /** What precedes the key in a record's subject. */
  readonly subjectPrefix: string;
}

type Changed = (key: string, entry: BucketEntry | undefined) => void;

interface Watcher {
  readonly prefix: string;
  readonly changed: Changed;
}

export class BucketWatch {
  private readonly options: WatchOptions;
  private readonly watchers = new Set<Watcher>();
  private follower: Promise<Follower> | undefined;
  private closed = false;

  constructor(options: WatchOptions) {
    this.options = options;
  }

  async add(prefix: string, changed: Changed): Promise<() => Promise<void>> {
    const watcher: Watcher = { prefix: prefix === "" ? "" : `${prefix}.`, changed };
    this.watchers.add(watcher);
    this.follower ??= this.start(undefined);
    try {
      await this.follower;
    } catch (error) {
      this.watchers.delete(watcher);
      this.follower = undefined;
      throw error;
    }
    return () => this.remove(watcher);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watchers.clear();
    await this.end();
  }

  private async remove(watcher: Watcher): Promise<void> {
    this.watchers.delete(watcher);
    if (this.watchers.size === 0) await this.end();
  }

  private async end(): Promise<void> {
    const ending = this.follower;
    this.follower = undefined;
    await (await ending)?.stop();
  }

  private async start(after: number | undefined): Promise<Follower> {
    const { name, source, clock } = this.options;
    return startFollower({
      name,
      source,
      clock,
      holes: "any",
      after: after ?? (await source.state()).lastSeq,
      apply: (record) => this.tell(record),
      onHole: () => {}, // cannot happen where holes are normal
      onReset: () => void this.restart(),
    });
  }

  private async restart(): Promise<void> {
    while (!this.closed && this.watchers.size > 0) {
      try {
        this.follower = this.start(0);
        await this.follower;
        return;
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        await pause(this.options.clock, 1_000);
      }
    }
    this.follower = undefined;
  }

  private tell(record: FeedRecord): void {
    const key = record.subject.slice(this.options.subjectPrefix.length);
    const entry = record.gone ? undefined : { key, value: record.data, revision: record.seq };
    for (const watcher of this.watchers) if (key.startsWith(watcher.prefix)) watcher.changed(key, entry);
  }
}
