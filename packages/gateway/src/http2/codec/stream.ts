// One exchange: the send window, the queue of what its handler wrote, and the port's response on top. The queue holds
// references; the outbox pulls from it what the windows and the transport allow.

import type { ExchangeEnd, Http2Request, Http2Response } from "../port.ts";
import { encodeHead } from "./hpack-encode.ts";
import type { Intake } from "./intake.ts";
import { streamQueueBytes, windowBytes } from "./limits.ts";
import type { RequestHead } from "./request-head.ts";

/** The session, as its streams see it. */
export interface StreamOwner {
  /** The peer's window for the connection is used up. */
  readonly blocked: boolean;
  sendHead(stream: Stream, block: Buffer, last: boolean): void;
  /** It has something to send. */
  wants(stream: Stream): void;
  /** Its answer is complete, but has not left. */
  finishing(stream: Stream): void;
  /** Its handler gave up. */
  abandon(stream: Stream): void;
}

export class Stream implements Http2Response {
  readonly id: number;
  /** What the peer lets us send. Negative after it shrank its initial window. */
  sendWindow: number;
  receiveWindow = windowBytes;
  /** The peer has sent END_STREAM. */
  remoteClosed = false;
  /** In the outbox's ring. */
  waiting = false;
  /** The answer ends with its headers (HEAD). */
  bodiless = false;
  intake: Intake | undefined;
  responded = false;
  /** Ends the watch over a finished answer that the peer does not take. */
  cancelWatch: (() => void) | undefined;
  private readonly owner: StreamOwner;
  private readonly chunks: Buffer[] = [];
  private queuedBytes = 0;
  private ending = false;
  private needsDrain = false;
  private outcome: ExchangeEnd | undefined;
  private abort: AbortController | undefined;
  private readonly drainListeners: (() => void)[] = [];
  private readonly closeListeners: ((end: ExchangeEnd) => void)[] = [];

  constructor(id: number, sendWindow: number, owner: StreamOwner) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.owner = owner;
  }

  get queued(): number {
    return this.queuedBytes;
  }

  get closed(): boolean {
    return this.outcome !== undefined;
  }

  /** END_STREAM is due once the queue is empty. */
  get last(): boolean {
    return this.ending;
  }

  /** Made only when somebody asks: most exchanges end without. */
  get signal(): AbortSignal {
    if (this.abort === undefined) {
      this.abort = new AbortController();
      if (this.outcome === "aborted") this.abort.abort();
    }
    return this.abort.signal;
  }

  respond(status: number, headers: Readonly<Record<string, string>> = {}): void {
    if (this.closed || this.responded) return;
    const block = encodeHead(status, headers);
    this.responded = true;
    const last = this.bodiless || status === 204 || status === 205 || status === 304;
    if (last) this.ending = true;
    this.owner.sendHead(this, block, last);
  }

  write(chunk: Buffer): boolean {
    if (this.closed || this.ending) return false;
    this.respond(200);
    if (this.ending) return false;
    if (chunk.length === 0) return !this.needsDrain;
    this.chunks.push(chunk);
    this.queuedBytes += chunk.length;
    this.owner.wants(this);
    if (this.queuedBytes > streamQueueBytes || this.sendWindow <= 0 || this.owner.blocked)
      this.needsDrain = true;
    return !this.needsDrain;
  }

  end(chunk?: Buffer): void {
    if (this.closed || this.ending) return;
    this.respond(200);
    if (chunk !== undefined) this.write(chunk);
    if (this.ending) return;
    this.ending = true;
    this.owner.wants(this);
    this.owner.finishing(this);
  }

  reset(): void {
    if (!this.closed) this.owner.abandon(this);
  }

  onDrain(listener: () => void): void {
    this.drainListeners.push(listener);
  }

  onClose(listener: (end: ExchangeEnd) => void): void {
    if (this.outcome === undefined) this.closeListeners.push(listener);
    else listener(this.outcome);
  }

  /** Moves `bytes` of the queue, all of them there. */
  pull(bytes: number, into: Buffer[]): void {
    let left = bytes;
    for (let chunk = this.chunks[0]; left > 0 && chunk !== undefined; chunk = this.chunks[0]) {
      if (chunk.length > left) {
        into.push(chunk.subarray(0, left));
        this.chunks[0] = chunk.subarray(left);
        break;
      }
      into.push(chunk);
      left -= chunk.length;
      this.chunks.shift();
    }
    this.queuedBytes -= bytes;
    this.sendWindow -= bytes;
    if (this.needsDrain && this.queuedBytes === 0 && !this.ending) {
      this.needsDrain = false;
      process.nextTick(() => this.drained());
    }
  }

  /** Called by the session, once. Listeners hear of it in a turn of their own: they may do anything. */
  settle(outcome: ExchangeEnd): void {
    this.outcome = outcome;
    this.chunks.length = 0;
    this.queuedBytes = 0;
    this.drainListeners.length = 0;
    this.cancelWatch?.();
    this.intake?.release();
    this.intake = undefined;
    if (this.closeListeners.length > 0 || this.abort !== undefined)
      process.nextTick(() => this.settled(outcome));
  }

  private settled(outcome: ExchangeEnd): void {
    if (outcome === "aborted") this.abort?.abort();
    for (const listener of this.closeListeners.splice(0)) listener(outcome);
  }

  private drained(): void {
    for (const listener of this.drainListeners.slice()) listener();
  }
}

export class StreamRequest implements Http2Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  private readonly stream: Stream;

  constructor(head: RequestHead, body: Buffer, stream: Stream) {
    this.method = head.method;
    this.path = head.path;
    this.headers = head.headers;
    this.body = body;
    this.stream = stream;
  }

  get signal(): AbortSignal {
    return this.stream.signal;
  }
}
