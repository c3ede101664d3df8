// The registry of map streams at this gateway and what they say about presence (design rules 5 and 6). A stream is
// first in the log, then in the map: the first map leaves only after NodeConnected counted. A session that another
// replaced is closed without a word; one that ended by itself is taken off line after a grace.

import type { LiveEvent, Reach } from "@hydrascale/core/domain/live/events";
import type { LiveNode } from "@hydrascale/core/domain/live/state";
import type { BootId, NodeId, SessionId } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { RowChange } from "@hydrascale/core/lib/table";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Http2Response } from "../http2/port.ts";
import type { ActivityOutcome } from "../activity.ts";
import type { Replica } from "../replica.ts";
import { Pace } from "./pace.ts";
import { MapStream } from "./stream.ts";

/** Hides reconnects: a stream that ended is offline only after this. */
const graceMs = 10_000;
const connectTries = 3;

export interface SessionsOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly boot: () => BootId;
  readonly append: (event: LiveEvent) => Promise<ActivityOutcome>;
  readonly random: () => number;
}

export interface Connecting {
  readonly node: NodeId;
  readonly capver: number;
  readonly compress: boolean;
  readonly reach: Reach;
  /** Its headers were sent. */
  readonly response: Http2Response;
}

export class Sessions {
  private readonly options: SessionsOptions;
  private readonly pace: Pace;
  private readonly open = new Map<SessionId, MapStream>();
  private readonly byNode = new Map<NodeId, MapStream>();
  private readonly graces = new Map<SessionId, () => void>();
  private counter = 0;

  constructor(options: SessionsOptions) {
    this.options = options;
    this.pace = new Pace(options.clock);
    options.replica.listen({ changes: (changes) => this.follow(changes) });
  }

  get size(): number {
    return this.open.size;
  }

  streamOf(node: NodeId): MapStream | undefined {
    return this.byNode.get(node);
  }

  /** A stream of the node is open, whether or not its arrival counted yet. */
  isHere(node: NodeId): boolean {
    if (this.byNode.has(node)) return true;
    for (const stream of this.open.values()) if (stream.node === node) return true;
    return false;
  }

  /** Opens a stream. Resolves once the first map was written, or the stream is over. */
  async connect({ node, capver, compress, reach, response }: Connecting): Promise<void> {
    const id = `${this.options.boot()}.${++this.counter}` as SessionId; // the one place that makes one
    const { clock, random, replica } = this.options;
    const stream = new MapStream({
      node,
      id,
      compress,
      clock,
      random,
      response,
      pace: this.pace,
      onEnd: (s) => this.ended(s),
    });
    this.open.set(id, stream);
    if (!(await this.announce(stream, reach))) return stream.end();
    // The client left while its arrival was being stored: it is on line in the log, and nobody else will say otherwise.
    if (!stream.isOpen) return this.takeOffLineLater(stream);
    const older = this.byNode.get(node);
    this.byNode.set(node, stream);
    if (older !== undefined && older !== stream) older.end();
    const netmap = replica.netmap.open({ node, capver, compress, onDirty: () => stream.dirty() });
    if (netmap === undefined) return stream.end();
    stream.begin(netmap);
  }

  /** NodeConnected, against whatever session is current when it counts. */
  private async announce(stream: MapStream, reach: Reach): Promise<boolean> {
    for (let attempt = 0; attempt < connectTries; attempt++) {
      const replaces = this.options.replica.fold.live.live.get(stream.node)?.session ?? null;
      const outcome = await this.options.append({
        kind: "NodeConnected",
        node: stream.node,
        session: stream.id,
        replaces,
        at: this.options.clock.now(),
        reach,
      });
      if (outcome === "counted") return true;
      if (outcome === "lost" || !stream.isOpen) return false;
    }
    return false;
  }

  /** Ends every stream; the clients come back by themselves. */
  closeAll(): void {
    for (const stream of this.open.values()) stream.end();
  }

  private ended(stream: MapStream): void {
    this.open.delete(stream.id);
    if (this.byNode.get(stream.node) === stream) this.byNode.delete(stream.node);
    this.takeOffLineLater(stream);
  }

  private takeOffLineLater(stream: MapStream): void {
    if (!this.isCurrent(stream)) return;
    this.graces.set(
      stream.id,
      this.options.clock.after(graceMs, () => {
        this.graces.delete(stream.id);
        if (this.isCurrent(stream)) void this.options.append(this.absence(stream));
      }),
    );
  }

  /** That the node is off line; of one that was deleted while it arrived, that it is nobody any more. */
  private absence({ id: session, node }: MapStream): LiveEvent {
    const { clock, replica } = this.options;
    return replica.fold.directory.nodes.has(node)
      ? { kind: "NodeDisconnected", node, session, at: clock.now() }
      : { kind: "NodeForgotten", node };
  }

  private isCurrent(stream: MapStream): boolean {
    const row = this.options.replica.fold.live.live.get(stream.node);
    return row !== undefined && row.session === stream.id && row.online;
  }

  /** Another stream of the same node became current, here or elsewhere: ours is closed without a word. */
  private follow(changes: readonly RowChange[]): void {
    for (const change of changes) {
      if (change.table !== "live") continue;
      const before = change.before as LiveNode | undefined; // rows of table live
      const after = change.after as LiveNode | undefined;
      // A row that went is a deleted node's: its stream still has its last word to say.
      if (
        before === undefined ||
        after === undefined ||
        before.session === null ||
        before.session === after.session
      )
        continue;
      this.graces.get(before.session)?.();
      this.graces.delete(before.session);
      this.open.get(before.session)?.end();
    }
  }
}
