// Any bytes as a conversation with the codec: they choose frames that are right, nearly right, or nonsense, how they
// are cut, what the handlers do and when the transport is full. Throws only when the codec is wrong: a fault of its
// own, output that a client would reject, something left over at the end, or an answer that depends on the cutting.

import { ByteBudget } from "../../budget.ts";
import { defaultHttp2Limits } from "../../port.ts";
import type { Http2Handler, Http2Response } from "../../port.ts";
import { code, frameType } from "../frame.ts";
import { unreadFrames } from "../limits.ts";
import { Outbox } from "../outbox.ts";
import { Session } from "../session.ts";
import type { SessionContext } from "../session.ts";
import { conversation, filler } from "./conversation.ts";
import { FakeTransport, HandClock, readFrames } from "./peer.ts";
import type { Frame } from "./peer.ts";

class Run {
  readonly transport = new FakeTransport();
  readonly clock = new HandClock();
  readonly budget = new ByteBudget(1 << 20);
  readonly requests: string[] = [];
  readonly live: Http2Response[] = [];
  readonly outbox: Outbox;
  readonly session: Session;
  fault: number | undefined;

  constructor() {
    this.outbox = new Outbox(this.transport, {
      sent: (stream) => this.session.sent(stream),
      flushed: () => undefined,
    });
    const context: SessionContext = {
      limits: { ...defaultHttp2Limits, bodyBytes: 50_000, streams: 20 },
      budget: this.budget,
      clock: this.clock,
      handler: this.handler,
    };
    const nothing = (): void => undefined;
    this.session = new Session(context, this.outbox, {
      opened: nothing,
      emptied: nothing,
      pong: nothing,
      leaving: () => (this.session.draining = true),
    });
  }

  feed(bytes: Buffer): void {
    if (this.fault !== undefined) return;
    this.fault = this.session.receive(Buffer.from(bytes));
    if (this.fault === code.internal) throw new Error("the codec failed by itself");
  }

  /** What the peer could have seen; everything must be given back. */
  end(): Buffer {
    this.outbox.flush();
    this.session.stop();
    if (this.session.openStreams > 0) throw new Error("streams are left");
    if (this.clock.pending > 0) throw new Error("timers are left");
    if (!this.budget.take(1 << 20)) throw new Error("body bytes are left");
    if (this.live.some((r) => !r.closed)) throw new Error("an exchange never ended");
    return this.transport.output;
  }

  private readonly handler: Http2Handler = (request, response) => {
    this.requests.push(
      `${request.method} ${request.path} ${JSON.stringify(request.headers)} ${request.body.length}`,
    );
    this.live.push(response);
    if (request.path === "/0" || this.requests.length % 7 === 0) return;
    response.respond(request.path === "/1" ? 404 : 200, { "x-n": String(this.requests.length) });
    if (request.path === "/2") response.write(filler);
    else response.end(request.body);
  };
}

export function fuzzHttp2(bytes: Uint8Array): void {
  const input = conversation(bytes);
  const cuts = [1 + (bytes[0] ?? 0) * 16, 1 + (bytes[1] ?? 0) / 32, 1 + (bytes[2] ?? 0)].map(Math.floor);
  const whole = outcome(input, () => input.length);
  let turn = 0;
  const pieces = outcome(input, () => cuts[turn++ % cuts.length] ?? 1);
  if (whole !== pieces) throw new Error("the answer depends on how the bytes are cut");
  checkOutput(stressed(input, bytes), input);
}

function outcome(input: Buffer, size: () => number): string {
  const run = new Run();
  for (let at = 0; at < input.length;) {
    const end = at + Math.max(1, size());
    run.feed(input.subarray(at, end));
    at = end;
  }
  const output = run.end();
  checkOutput(output, input);
  if (run.fault === undefined) checkTakenBack(output, input);
  return `${run.requests.join("\n")}\n${run.fault}\n${output.toString("latin1")}`;
}

/** The same with flushes between, a transport that fills up, handlers that go on writing, and time that passes. */
function stressed(input: Buffer, bytes: Uint8Array): Buffer {
  const run = new Run();
  let turn = 3;
  const pick = (choices: number): number => (bytes[turn++ % Math.max(1, bytes.length)] ?? 0) % choices;
  for (let at = 0; at < input.length;) {
    const end = at + 1 + pick(256) * 20;
    run.feed(input.subarray(at, end));
    at = end;
    const response = run.live[pick(Math.max(1, run.live.length))];
    const act = pick(12);
    if (act < 4) run.outbox.flush();
    else if (act === 4) response?.write(filler.subarray(0, 300));
    else if (act === 5) response?.end();
    else if (act === 6) response?.reset();
    else if (act === 7) run.clock.pass(10_000);
    else if (act === 8) run.transport.open = !run.transport.open;
    if (run.transport.open) run.transport.reopen();
  }
  return run.end();
}

/** What a client would insist on. */
function checkOutput(output: Buffer, input: Buffer): void {
  const begun = new Set<number>();
  const ended = new Set<number>();
  const frames = readFrames(output);
  let sent = 0;
  for (const { type, flags, id, payload } of frames) {
    if (payload.length > 16_384) throw new Error("a frame is too large");
    if (type === frameType.headers && (begun.has(id) || ended.has(id))) throw new Error("headers twice");
    if (type === frameType.headers) begun.add(id);
    if (type === frameType.data && (!begun.has(id) || ended.has(id))) throw new Error("data out of place");
    if (type === frameType.data) sent += payload.length;
    if (type === frameType.reset || (type < frameType.priority && flags & 1)) ended.add(id);
  }
  if (sent > granted(input)) throw new Error("more data than the peer's window");
  if (frames.length > unreadFrames + input.length) throw new Error("more answers than questions");
}

function granted(input: Buffer): number {
  let bytes = 65_535;
  for (const { type, id, payload } of readWhole(input))
    if (type === frameType.windowUpdate && (id & 0x7fff_ffff) === 0 && payload.length === 4)
      bytes += payload.readUInt32BE(0) & 0x7fff_ffff;
  return bytes;
}

/** All input came before the only flush: a stream that the peer reset has no data. */
function checkTakenBack(output: Buffer, input: Buffer): void {
  const reset = new Set(readWhole(input).flatMap(({ type, id }) => (type === frameType.reset ? [id] : [])));
  if (readFrames(output).some(({ type, id }) => type === frameType.data && reset.has(id)))
    throw new Error("data on a stream that the peer reset");
}

/** The client's frames as far as they are whole. */
function readWhole(input: Buffer): Frame[] {
  const frames = input.subarray(input.subarray(0, 3).toString() === "PRI" ? 24 : 0);
  let end = 0;
  while (end + 9 <= frames.length && end + 9 + frames.readUIntBE(end, 3) <= frames.length)
    end += 9 + frames.readUIntBE(end, 3);
  return readFrames(frames.subarray(0, end));
}
