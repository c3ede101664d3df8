// One map stream: the first full map, then what changes, keep-alives when nothing does, and an orderly end.
// A client that does not read costs one pending dirty set, never a backlog: what is due is worked out when it reads again.

import type { Clock } from "@hydrascale/core/lib/clock";
import type { NodeId, SessionId } from "@hydrascale/core/domain/ids";
import type { NetmapSession } from "@hydrascale/core/netmap/engine";
import { keepAliveFrame } from "@hydrascale/core/wire/map-frame";
import type { PingRequest } from "@hydrascale/core/wire/tailcfg/map";
import type { Http2Response } from "../http2/port.ts";
import type { Pace, Paced } from "./pace.ts";

/** Clients give up after 120 s without a message (protocol 6.4). */
const keepAliveMinMs = 50_000;
const keepAliveJitterMs = 9_000;
/** A peer that took nothing for this long is gone. */
const stalledMs = 120_000;

export interface StreamOptions {
  readonly node: NodeId;
  readonly id: SessionId;
  readonly compress: boolean;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly response: Http2Response;
  readonly random: () => number;
  /** The stream is over, whoever ended it. Called once. */
  readonly onEnd: (stream: MapStream) => void;
}

export class MapStream implements Paced {
  readonly node: NodeId;
  readonly id: SessionId;
  lastPush = Number.NEGATIVE_INFINITY;
  private readonly options: StreamOptions;
  private netmap: NetmapSession | undefined;
  private stalled = false;
  private closed = false;
  private cancelTimer: (() => void) | undefined;

  constructor(options: StreamOptions) {
    this.options = options;
    this.node = options.node;
    this.id = options.id;
    options.response.onDrain(() => this.drained());
    options.response.onClose(() => this.finish());
  }

  get isOpen(): boolean {
    return !this.closed;
  }

  /** Sends the first map and goes on from there. */
  begin(netmap: NetmapSession): void {
    if (this.closed) return netmap.close();
    this.netmap = netmap;
    for (const frame of netmap.full()) this.write(frame);
    this.lastPush = this.options.clock.monotonic();
    this.armTimer();
    if (netmap.ended) this.end();
  }

  /** The netmap engine has something for this client. */
  dirty(): void {
    if (!this.closed && !this.stalled) this.options.pace.mark(this);
  }

  push(): number {
    const { netmap } = this;
    if (this.closed || this.stalled || netmap === undefined) return 0;
    let bytes = 0;
    for (const frame of netmap.take()) {
      this.write(frame);
      bytes += frame.length;
    }
    if (bytes > 0) this.armTimer();
    if (netmap.ended) this.end();
    return bytes;
  }

  ping(request: PingRequest): void {
    if (this.netmap === undefined || this.closed) return;
    this.write(this.netmap.extra({ PingRequest: request }));
    this.armTimer();
  }

  /** Ends the response in good order; the client comes back by itself if it wants to. */
  end(): void {
    if (this.closed) return;
    this.options.response.end();
    this.finish();
  }

  private write(frame: Buffer): void {
    if (!this.options.response.write(frame)) this.stalled = true;
  }

  private drained(): void {
    if (!this.stalled || this.closed) return;
    this.stalled = false;
    this.options.pace.mark(this);
    this.armTimer();
  }

  private armTimer(): void {
    this.cancelTimer?.();
    const wait = this.stalled ? stalledMs : keepAliveMinMs + this.options.random() * keepAliveJitterMs;
    this.cancelTimer = this.options.clock.after(wait, () => {
      if (this.closed) return;
      if (this.stalled) return this.options.response.reset();
      this.write(keepAliveFrame(this.options.compress));
      this.armTimer();
    });
  }

  private finish(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelTimer?.();
    this.options.pace.drop(this);
    this.netmap?.close();
    this.options.onEnd(this);
  }
}
