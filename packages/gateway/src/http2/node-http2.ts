// The port on node:http2. Floods are bounded by nghttp2 (resets, pings, settings) and by the limits given here.
// Sessions are silent about errors: a connection that fails is closed, and the client dials again.

import { performServerHandshake } from "node:http2";
import type { ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "@hydrascale/core/lib/clock";
import { ByteBudget } from "./budget.ts";
import { acceptExchange } from "./node-exchange.ts";
import { defaultHttp2Limits } from "./port.ts";
import type { Http2Connection, Http2Handler, Http2Limits, Http2Serve } from "./port.ts";

const retireMs = 5000;

/** One adapter for the process: its connections share the body budget. */
export function nodeHttp2(clock: Clock, limits: Partial<Http2Limits> = {}): Http2Serve {
  const all: Http2Limits = { ...defaultHttp2Limits, ...limits };
  const total = new ByteBudget(all.totalBodyBytes);
  return (transport, handler) => new NodeConnection(transport, handler, clock, all, total);
}

class NodeConnection implements Http2Connection {
  private readonly transport: Duplex;
  private readonly session: ServerHttp2Session;
  private readonly clock: Clock;
  private readonly limits: Http2Limits;
  private readonly closeListeners: (() => void)[] = [];
  private streams = 0;
  private ended = false;
  private cancelIdle: () => void;

  constructor(
    transport: Duplex,
    handler: Http2Handler,
    clock: Clock,
    limits: Http2Limits,
    total: ByteBudget,
  ) {
    this.transport = transport;
    this.clock = clock;
    this.limits = limits;
    const context = { limits, clock, handler, budget: new ByteBudget(limits.connectionBodyBytes, total) };
    this.session = performServerHandshake(transport, {
      // In MB. The default of 10 refuses new streams while one large response is queued.
      maxSessionMemory: 64,
      maxHeaderListPairs: 64,
      maxSettings: 32,
      maxOutstandingPings: 4,
      peerMaxConcurrentStreams: limits.streams,
      settings: {
        enablePush: false,
        maxConcurrentStreams: limits.streams,
        maxHeaderListSize: limits.headerBytes,
      },
    });
    this.session.on("error", () => this.close());
    this.session.on("close", () => this.closing());
    // node:http2 does not notice a transport that is destroyed without an error, and waits for ever for a write
    // that was underway when it ended.
    transport.once("close", () => {
      this.close();
      this.closing();
    });
    this.session.on("stream", (stream, headers) => {
      this.cancelIdle();
      this.streams++;
      acceptExchange(stream, headers, context).onClose(() => this.streamClosed());
    });
    this.cancelIdle = clock.after(limits.firstRequestMs, () => this.retire());
  }

  get openStreams(): number {
    return this.streams;
  }

  goaway(): void {
    if (!this.session.destroyed && !this.session.closed) this.session.close();
  }

  close(): void {
    if (!this.session.destroyed) this.session.destroy();
    this.transport.destroy();
  }

  ping(): Promise<number | undefined> {
    return new Promise((resolve) => {
      if (this.session.destroyed) return resolve(undefined);
      const sent = this.session.ping((failure, ms) => resolve(failure === null ? ms : undefined));
      if (!sent) resolve(undefined);
    });
  }

  onClose(listener: () => void): void {
    if (this.ended) listener();
    else this.closeListeners.push(listener);
  }

  private streamClosed(): void {
    this.streams--;
    if (this.streams > 0 || this.ended) return;
    this.cancelIdle = this.clock.after(this.limits.idleMs, () => this.retire());
  }

  /** A request that crosses the GOAWAY is sent again by the client, on a new connection. */
  private retire(): void {
    this.goaway();
    this.cancelIdle = this.clock.after(retireMs, () => this.close());
  }

  private closing(): void {
    if (this.ended) return;
    this.ended = true;
    this.cancelIdle();
    for (const listener of this.closeListeners.splice(0)) listener();
  }
}
