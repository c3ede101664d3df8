// HTTP/2 (RFC 9113) as the server: frames in, requests out. No push, no CONNECT, no priorities, trailers are checked
// and dropped. Any doubt ends the stream or the connection; clients dial again by themselves.

import type { Clock } from "@hydrascale/core/lib/clock";
import type { ByteBudget } from "../budget.ts";
import type { ExchangeEnd, Http2Handler, Http2Limits } from "../port.ts";
import {
  ConnectionFault,
  FrameReader,
  code,
  flag,
  frame,
  frameType,
  headersFrames,
  settingsFrame,
  wordFrame,
} from "./frame.ts";
import type { Code, FrameSink } from "./frame.ts";
import { HpackDecoder } from "./hpack-decode.ts";
import { emptyTable } from "./hpack-encode.ts";
import { Intake } from "./intake.ts";
import { Leftovers } from "./leftovers.ts";
import {
  Patience,
  blockBytes,
  blockContinuations,
  maxWindow,
  resetsRemembered,
  settingsEntries,
  stalledMs,
  tableBytes,
  windowBytes,
} from "./limits.ts";
import type { Outbox } from "./outbox.ts";
import { readHead, trailersOk } from "./request-head.ts";
import type { RequestHead } from "./request-head.ts";
import type { Field } from "./static-table.ts";
import { Stream, StreamRequest } from "./stream.ts";
import type { StreamOwner } from "./stream.ts";

export interface SessionContext {
  readonly limits: Http2Limits;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly handler: Http2Handler;
}

export interface SessionEvents {
  /** The first open stream, or one more. */
  opened(): void;
  /** The last open stream has ended. */
  emptied(): void;
  /** The peer answered a ping. */
  pong(payload: Buffer): void;
  /** The peer will not need the connection much longer. */
  leaving(): void;
}

interface Block {
  readonly id: number;
  readonly last: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

const settingId = {
  tableSize: 1,
  enablePush: 2,
  streams: 3,
  initialWindow: 4,
  frameSize: 5,
  headerList: 6,
} as const;
const settingsAck = frame(frameType.settings, flag.ack, 0);

export class Session implements FrameSink, StreamOwner {
  lastStream = 0;
  /** Takes no new streams. */
  draining = false;
  private readonly context: SessionContext;
  private readonly events: SessionEvents;
  private readonly outbox: Outbox;
  private readonly patience: Patience;
  private readonly reader = new FrameReader();
  private readonly decoder = new HpackDecoder();
  private readonly streams = new Map<number, Stream>();
  private readonly resets: number[] = [];
  private readonly leftovers: Leftovers;
  private block: Block | undefined;
  private settled = false;
  private over = false;
  private receiveWindow = windowBytes;
  /** As the peer's settings have it. */
  private initialWindow = 65_535;
  private tableAnnounced = tableBytes;
  private tableUpdate: Buffer | undefined;

  constructor(context: SessionContext, outbox: Outbox, events: SessionEvents) {
    this.context = context;
    this.outbox = outbox;
    this.events = events;
    this.patience = new Patience(() => context.clock.monotonic());
    this.leftovers = new Leftovers(
      context.clock,
      (id) => this.sendReset(id, code.none),
      (id, bytes) => this.grant(id, bytes),
    );
    outbox.put(
      settingsFrame([
        [settingId.streams, context.limits.streams],
        [settingId.headerList, context.limits.headerBytes],
      ]),
    );
  }

  get openStreams(): number {
    return this.streams.size;
  }

  get blocked(): boolean {
    return this.outbox.blocked;
  }

  /** Why the connection has to end, when it has to. */
  receive(chunk: Buffer): Code | undefined {
    try {
      this.reader.push(chunk, this);
      return undefined;
    } catch (fault) {
      // Anything else would be a mistake of the codec: it costs this connection, never the process.
      return fault instanceof ConnectionFault ? fault.code : code.internal;
    }
  }

  /** Nothing is read or sent any more; what is open is aborted. */
  stop(): void {
    this.over = true;
    this.outbox.stop();
    this.block = undefined;
    this.leftovers.clear();
    for (const stream of this.streams.values()) this.forget(stream, "aborted");
  }

  frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.over) return;
    if (!this.settled) {
      if (type !== frameType.settings || flags & flag.ack) throw protocol("no settings at first");
      this.settled = true;
    }
    if (this.block !== undefined && (type !== frameType.continuation || id !== this.block.id))
      throw protocol("header block interrupted");
    this.dispatchFrame(type, flags, id, payload);
    if (this.outbox.unread) throw calm("answers are not read");
  }

  sendHead(stream: Stream, block: Buffer, last: boolean): void {
    const whole = this.tableUpdate === undefined ? block : Buffer.concat([this.tableUpdate, block]);
    this.tableUpdate = undefined;
    this.outbox.put(headersFrames(stream.id, whole, last));
    if (last) this.sent(stream);
  }

  wants(stream: Stream): void {
    this.outbox.wants(stream);
  }

  /** A handler is done with it, so nobody else notices a peer that takes nothing. */
  finishing(stream: Stream): void {
    const { queued } = stream;
    stream.cancelWatch = this.context.clock.after(stalledMs, () => {
      if (stream.queued < queued) this.finishing(stream);
      else stream.reset();
    });
  }

  abandon(stream: Stream): void {
    this.sendReset(stream.id, code.cancel);
    this.forget(stream, "aborted");
  }

  /** END_STREAM has been sent. */
  sent(stream: Stream): void {
    this.forget(stream, "complete");
    if (stream.remoteClosed || this.over) return;
    this.leftovers.add(stream.id, this.context.limits.bodyBytes, stream.receiveWindow);
  }

  private dispatchFrame(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case frameType.data:
        return this.data(flags, id, payload);
      case frameType.headers:
        return this.headers(flags, id, payload);
      case frameType.priority:
        return this.priority(id, payload);
      case frameType.reset:
        return this.resetByPeer(id, payload);
      case frameType.settings:
        return this.settings(flags, id, payload);
      case frameType.pushPromise:
        throw protocol("push by a client");
      case frameType.ping:
        return this.ping(flags, id, payload);
      case frameType.goaway:
        if (id !== 0) throw protocol("goaway on a stream");
        if (payload.length < 8) throw frameSize("goaway");
        this.nuisance();
        return this.events.leaving();
      case frameType.windowUpdate:
        return this.windowUpdate(id, payload);
      case frameType.continuation:
        return this.continuation(flags, payload);
      default:
        return this.nuisance();
    }
  }

  // Header blocks

  private headers(flags: number, id: number, payload: Buffer): void {
    if (id % 2 === 0) throw protocol("headers on no client stream");
    let part = unpad(flags, payload);
    if (flags & flag.priority) {
      if (part.length < 5) throw frameSize("priority");
      if ((part.readUInt32BE(0) & maxWindow) === id) throw protocol("stream depends on itself");
      part = part.subarray(5);
    }
    const last = (flags & flag.endStream) !== 0;
    if (flags & flag.endHeaders) this.fields(id, part, last);
    else this.block = { id, last, parts: [Buffer.from(part)], bytes: part.length };
  }

  private continuation(flags: number, payload: Buffer): void {
    const { block } = this;
    if (block === undefined) throw protocol("continuation of nothing");
    block.bytes += payload.length;
    if (block.bytes > blockBytes || block.parts.length > blockContinuations) throw calm("header block");
    block.parts.push(Buffer.from(payload));
    if ((flags & flag.endHeaders) === 0) return;
    this.block = undefined;
    this.fields(block.id, Buffer.concat(block.parts), block.last);
  }

  private fields(id: number, block: Buffer, last: boolean): void {
    const { limits } = this.context;
    const fields = this.decoder.decode(block, limits.headerBytes);
    const open = this.streams.get(id);
    if (open !== undefined) return this.trailers(open, fields, last);
    if (this.leftovers.has(id)) return this.leftovers.take(id, 0, last);
    if (this.resets.includes(id)) return;
    if (id <= this.lastStream) throw new ConnectionFault(code.streamClosed, "headers on a closed stream");
    this.lastStream = id;
    if (this.draining || this.streams.size >= limits.streams) return this.fail(id, code.refused);
    const head = fields === undefined ? undefined : readHead(fields);
    if (fields !== undefined && head === undefined) return this.fail(id, code.protocol);
    const stream = new Stream(id, this.initialWindow, this);
    stream.remoteClosed = last;
    stream.bodiless = head?.method === "HEAD";
    this.streams.set(id, stream);
    this.events.opened();
    if (head === undefined) return refuse(stream, 431);
    this.accept(stream, head);
  }

  private accept(stream: Stream, head: RequestHead): void {
    const { limits, clock, budget } = this.context;
    if ((head.length ?? 0) > limits.bodyBytes) return refuse(stream, 413);
    const cancel = stream.remoteClosed
      ? () => undefined
      : clock.after(limits.bodyMs, () => refuse(stream, 408));
    stream.intake = new Intake(head, limits.bodyBytes, budget, cancel);
    if (stream.remoteClosed) this.complete(stream, stream.intake);
  }

  private trailers(stream: Stream, fields: readonly Field[] | undefined, last: boolean): void {
    if (stream.remoteClosed) return this.fail(stream.id, code.streamClosed);
    if (!last || fields === undefined || !trailersOk(fields)) return this.fail(stream.id, code.protocol);
    stream.remoteClosed = true;
    if (stream.intake !== undefined) this.complete(stream, stream.intake);
  }

  // Bodies

  private data(flags: number, id: number, payload: Buffer): void {
    this.known(id);
    this.receiveWindow -= payload.length;
    if (this.receiveWindow < 0) throw new ConnectionFault(code.flowControl, "connection window");
    if (this.receiveWindow < windowBytes / 2) {
      this.grant(0, windowBytes - this.receiveWindow);
      this.receiveWindow = windowBytes;
    }
    const piece = unpad(flags, payload);
    const last = (flags & flag.endStream) !== 0;
    if (piece.length === 0 && !last) this.nuisance();
    if (this.leftovers.has(id)) return this.leftovers.take(id, payload.length, last);
    const stream = this.streams.get(id);
    if (stream === undefined && this.resets.includes(id)) return;
    if (stream === undefined || stream.remoteClosed) return this.fail(id, code.streamClosed);
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) return this.fail(id, code.flowControl);
    stream.remoteClosed = last;
    const { intake } = stream;
    // Answered already: what still comes is let go of.
    if (intake === undefined) return;
    const refusal = intake.add(piece, last);
    if (refusal !== undefined) return refuse(stream, refusal);
    if (last) return this.complete(stream, intake);
    if (stream.receiveWindow >= windowBytes / 2) return;
    this.grant(id, windowBytes - stream.receiveWindow);
    stream.receiveWindow = windowBytes;
  }

  private complete(stream: Stream, intake: Intake): void {
    const body = intake.whole();
    intake.release();
    stream.intake = undefined;
    if (body === undefined) return this.fail(stream.id, code.protocol);
    try {
      this.context.handler(new StreamRequest(intake.head, body, stream), stream);
    } catch (failure) {
      // The handler's mistake, not the peer's: it must be heard, but outside the middle of a frame.
      stream.reset();
      process.nextTick(() => {
        throw failure;
      });
    }
  }

  // Everything else

  private priority(id: number, payload: Buffer): void {
    if (id === 0) throw protocol("priority of the connection");
    this.nuisance();
    const wrong = payload.length !== 5;
    if (!wrong && (payload.readUInt32BE(0) & maxWindow) !== id) return;
    const reason = wrong ? code.frameSize : code.protocol;
    // An idle stream cannot be reset.
    if (id > this.lastStream || id % 2 === 0) throw new ConnectionFault(reason, "priority");
    this.fail(id, reason);
  }

  private resetByPeer(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw frameSize("reset");
    this.known(id);
    this.nuisance();
    this.leftovers.drop(id);
    const stream = this.streams.get(id);
    if (stream !== undefined) this.forget(stream, "aborted");
  }

  private ping(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocol("ping on a stream");
    if (payload.length !== 8) throw frameSize("ping");
    this.nuisance();
    if (flags & flag.ack) this.events.pong(payload);
    else this.outbox.put(frame(frameType.ping, flag.ack, 0, payload));
  }

  private settings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw protocol("settings on a stream");
    this.nuisance();
    if (flags & flag.ack) {
      if (payload.length > 0) throw frameSize("settings ack");
      return;
    }
    if (payload.length % 6 !== 0) throw frameSize("settings");
    if (payload.length > 6 * settingsEntries) throw calm("settings");
    for (let at = 0; at < payload.length; at += 6)
      this.setting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.outbox.put(settingsAck);
  }

  private setting(id: number, value: number): void {
    switch (id) {
      case settingId.tableSize:
        // We never use the table, but a smaller limit has to be answered; once empty it cannot be too large.
        if (value >= this.tableAnnounced) return;
        this.tableAnnounced = 0;
        this.tableUpdate = emptyTable;
        return;
      case settingId.enablePush:
        if (value > 1) throw protocol("enable push");
        return;
      case settingId.initialWindow:
        return this.resizeWindows(value);
      case settingId.frameSize:
        // Ours are never larger than the smallest that may be set.
        if (value < 16_384 || value > 16_777_215) throw protocol("frame size");
        return;
      default:
    }
  }

  private resizeWindows(value: number): void {
    if (value > maxWindow) throw new ConnectionFault(code.flowControl, "initial window");
    const change = value - this.initialWindow;
    this.initialWindow = value;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindow) throw new ConnectionFault(code.flowControl, "window");
      if (change > 0 && stream.queued > 0) this.outbox.wants(stream);
    }
  }

  private windowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw frameSize("window update");
    const bytes = payload.readUInt32BE(0) & maxWindow;
    if (id === 0) {
      if (bytes === 0) throw protocol("window update of nothing");
      this.outbox.window += bytes;
      if (this.outbox.window > maxWindow) throw new ConnectionFault(code.flowControl, "window");
      if (!this.outbox.idle) this.outbox.schedule();
      return;
    }
    this.known(id);
    const stream = this.streams.get(id);
    if (bytes === 0) return this.fail(id, code.protocol);
    if (stream === undefined) return;
    stream.sendWindow += bytes;
    if (stream.sendWindow > maxWindow) return this.fail(id, code.flowControl);
    if (stream.queued > 0) this.outbox.wants(stream);
  }

  private grant(id: number, bytes: number): void {
    this.outbox.put(wordFrame(frameType.windowUpdate, id, bytes));
  }

  private known(id: number): void {
    if (id % 2 === 0 || id > this.lastStream) throw protocol("idle stream");
  }

  private nuisance(): void {
    if (!this.patience.take()) throw calm("flood");
  }

  /** A stream error: the peer pays for it, since it can provoke as many as it likes. */
  private fail(id: number, reason: Code): void {
    this.nuisance();
    this.leftovers.drop(id);
    this.sendReset(id, reason);
    const stream = this.streams.get(id);
    if (stream !== undefined) this.forget(stream, "aborted");
  }

  private sendReset(id: number, reason: Code): void {
    this.outbox.put(wordFrame(frameType.reset, id, reason));
    if (this.resets.includes(id)) return;
    if (this.resets.push(id) > resetsRemembered) this.resets.shift();
  }

  private forget(stream: Stream, outcome: ExchangeEnd): void {
    if (!this.streams.delete(stream.id)) return;
    this.outbox.drop(stream);
    stream.settle(outcome);
    if (this.streams.size === 0) this.events.emptied();
  }
}

const protocol = (what: string): ConnectionFault => new ConnectionFault(code.protocol, what);
const frameSize = (what: string): ConnectionFault => new ConnectionFault(code.frameSize, what);
const calm = (what: string): ConnectionFault => new ConnectionFault(code.calm, what);

const refusals = {
  408: "the body took too long\n",
  413: "the body is too large\n",
  431: "the headers are too large\n",
  503: "too many bodies at once\n",
} as const;

function refuse(stream: Stream, status: keyof typeof refusals): void {
  stream.intake?.release();
  stream.intake = undefined;
  stream.respond(status, { "content-type": "text/plain; charset=utf-8" });
  stream.end(Buffer.from(refusals[status]));
}

function unpad(flags: number, payload: Buffer): Buffer {
  if ((flags & flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined) throw frameSize("padding");
  if (padding >= payload.length) throw protocol("padding");
  return payload.subarray(1, payload.length - padding);
}
