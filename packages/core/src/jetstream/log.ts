// EVT or ACT on JetStream.

import type { Clock } from "../lib/clock.ts";
import { startFollower } from "../store/follower.ts";
import type { AppendOutcome, Follower, FollowOptions, Log, LogInfo, LogRecord } from "../store/ports.ts";
import { readRange } from "../store/read-range.ts";
import { appendExpecting } from "./append.ts";
import type { NatsLink } from "./connect.ts";
import { streamSource } from "./feed.ts";
import type { StreamSource } from "./feed.ts";
import { logSubjects } from "./settings.ts";
import type { LogName } from "./settings.ts";

export class JetStreamLog implements Log {
  readonly name: LogName;
  private readonly link: NatsLink;
  private readonly clock: Clock;
  private readonly source: StreamSource;

  constructor(link: NatsLink, clock: Clock, name: LogName) {
    this.name = name;
    this.link = link;
    this.clock = clock;
    this.source = streamSource(link, name, logSubjects[name].feed);
  }

  append(subject: string, expected: number, data: Uint8Array): Promise<AppendOutcome> {
    return appendExpecting(this.link, this.source, { subject, expected, data });
  }

  follow(options: FollowOptions): Promise<Follower> {
    return startFollower({
      ...options,
      name: this.name,
      source: this.source,
      clock: this.clock,
      holes: this.name === "EVT" ? "none" : "prefix",
    });
  }

  async info(): Promise<LogInfo> {
    const { firstSeq, lastSeq, messages, epoch } = await this.source.state();
    return { firstSeq, lastSeq, messages, epoch };
  }

  async lastSeq(subject: string): Promise<number> {
    return (await this.source.last(subject))?.seq ?? 0;
  }

  async *read(from: number, subject?: string): AsyncIterable<LogRecord> {
    const { lastSeq } = await this.source.state();
    yield* readRange(this.source, from, lastSeq, subject);
  }
}
