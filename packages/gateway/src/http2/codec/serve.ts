// The port on our own codec: the connection's life around a session. node:http2 on a JS stream can abort the process
// (an assertion, when a reset forces it to send while a write waits), which any peer can provoke; this cannot.

import type { Duplex } from "node:stream";
import type { Clock } from "@hydrascale/core/lib/clock";
import { ByteBudget } from "../budget.ts";
import { defaultHttp2Limits } from "../port.ts";
import type { Http2Connection, Http2Handler, Http2Limits, Http2Serve } from "../port.ts";
import { code, frame, frameType, goawayFrame } from "./frame.ts";
import type { Code } from "./frame.ts";
import { farewellMs, lingerMs, openPings } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import { Session } from "./session.ts";
import type { Stream } from "./stream.ts";

/** One adapter for the process: its connections share the body budget. */
export function codecHttp2(clock: Clock, limits: Partial<Http2Limits> = {}): Http2Serve {
  const all: Http2Limits = { ...defaultHttp2Limits, ...limits };
  const total = new ByteBudget(all.totalBodyBytes);
  return (transport, handler) => new CodecConnection(transport, handler, clock, all, total);
}

interface OpenPing {
  readonly payload: Buffer;
  readonly at: number;
  readonly resolve: (ms: number | undefined) => void;
}

class CodecConnection implements Http2Connection {
  private readonly transport: Duplex;
  private readonly clock: Clock;
  private readonly limits: Http2Limits;
  private readonly outbox: Outbox;
  private readonly session: Session;
  private readonly closeListeners: (() => void)[] = [];
  private pings: OpenPing[] = [];
  private pinged = 0;
  /** open → farewell: nothing is read or sent any more, what was sent may still leave → ended. */
  private state: "open" | "farewell" | "ended" = "open";
  private cancelTimer: () => void;

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
    this.outbox = new Outbox(transport, {
      sent: (stream: Stream) => this.session.sent(stream),
      flushed: () => this.flushed(),
    });
    const context = { limits, clock, handler, budget: new ByteBudget(limits.connectionBodyBytes, total) };
    this.session = new Session(context, this.outbox, {
      opened: () => this.cancelTimer(),
      emptied: () => this.emptied(),
      pong: (payload) => this.pong(payload),
      leaving: () => this.goaway(),
    });
    this.cancelTimer = clock.after(limits.firstRequestMs, () => this.close());
    transport.on("error", () => this.close());
    transport.on("end", () => this.close());
    transport.on("close", () => this.ended());
    transport.on("data", (chunk: Buffer) => this.receive(chunk));
    if (transport.destroyed) process.nextTick(() => this.ended());
  }

  get openStreams(): number {
    return this.session.openStreams;
  }

  goaway(): void {
    if (this.state !== "open" || this.session.draining) return;
    this.session.draining = true;
    this.outbox.put(goawayFrame(this.session.lastStream, code.none));
  }

  close(): void {
    if (this.state === "ended") return;
    this.outbox.flush();
    if (this.live() && !this.outbox.stuck)
      this.transport.write(goawayFrame(this.session.lastStream, code.none));
    this.stop();
    this.transport.destroy();
  }

  ping(): Promise<number | undefined> {
    if (this.state !== "open" || this.pings.length >= openPings) return Promise.resolve(undefined);
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.pinged++ % 2 ** 32, 4);
    this.outbox.put(frame(frameType.ping, 0, 0, payload));
    return new Promise((resolve) => this.pings.push({ payload, at: this.clock.monotonic(), resolve }));
  }

  onClose(listener: () => void): void {
    if (this.state === "ended") listener();
    else this.closeListeners.push(listener);
  }

  private receive(chunk: Buffer): void {
    if (this.state !== "open") return;
    const fault = this.session.receive(chunk);
    if (fault !== undefined) this.fail(fault);
  }

  /** The peer broke the rules: it is told which, and the connection ends. */
  private fail(reason: Code): void {
    if (this.state !== "open") return;
    // What was answered before the fault is still owed. It may turn out to be all there was.
    this.outbox.flush();
    if (!this.live()) return;
    if (this.outbox.stuck) return this.close();
    this.transport.write(goawayFrame(this.session.lastStream, reason));
    this.farewell();
  }

  /** What was given to the transport may leave, and the peer may end the connection first. */
  private farewell(): void {
    this.stop();
    this.state = "farewell";
    this.cancelTimer = this.clock.after(farewellMs, () => this.transport.destroy());
    this.transport.end(() => {
      if (this.state !== "farewell") return;
      this.cancelTimer();
      this.cancelTimer = this.clock.after(lingerMs, () => this.transport.destroy());
    });
  }

  private live(): boolean {
    return this.state === "open" && !this.transport.destroyed && !this.transport.writableEnded;
  }

  private flushed(): void {
    if (this.state !== "open" || !this.session.draining) return;
    if (this.session.openStreams === 0 && this.outbox.idle) this.farewell();
  }

  private emptied(): void {
    if (this.state !== "open") return;
    this.cancelTimer = this.clock.after(this.limits.idleMs, () => this.close());
    // A draining connection ends with its last stream, which may have sent nothing at its end.
    if (this.session.draining) this.outbox.schedule();
  }

  private pong(payload: Buffer): void {
    const at = this.pings.findIndex((ping) => ping.payload.equals(payload));
    for (const ping of this.pings.splice(0, at + 1)) ping.resolve(this.clock.monotonic() - ping.at);
  }

  /** Ends the session; its streams are aborted. */
  private stop(): void {
    this.cancelTimer();
    if (this.state !== "open") return;
    this.state = "farewell";
    this.session.stop();
    for (const ping of this.pings.splice(0)) ping.resolve(undefined);
  }

  private ended(): void {
    if (this.state === "ended") return;
    this.stop();
    this.state = "ended";
    // After the streams' own ends, which are told in the next tick.
    process.nextTick(() => {
      for (const listener of this.closeListeners.splice(0)) listener();
    });
  }
}
