// One HTTP/2 stream of node:http2 as an exchange of the port: gathers the body within its limits, then hands
// request and response over. Every call on the stream is guarded: `respond` on a stream that died throws, and an
// uncaught throw here would end the process.

import { constants } from "node:http2";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { ByteBudget } from "./budget.ts";
import type { ExchangeEnd, Http2Handler, Http2Limits, Http2Request, Http2Response } from "./port.ts";

export class NodeResponse implements Http2Response {
  private readonly stream: ServerHttp2Stream;
  private readonly drainListeners: (() => void)[] = [];
  private readonly closeListeners: ((end: ExchangeEnd) => void)[] = [];
  private corked = false;
  private finished: ExchangeEnd | undefined;
  private abort: AbortController | undefined;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
    stream.on("drain", () => {
      for (const listener of this.drainListeners) listener();
    });
    // The close event carries the outcome; an error event before it says nothing more.
    stream.on("error", () => undefined);
    stream.on("close", () => this.closing());
  }

  get closed(): boolean {
    return this.finished !== undefined || this.dead();
  }

  get responded(): boolean {
    return this.stream.headersSent;
  }

  get queued(): number {
    return this.stream.writableLength;
  }

  /** Made only when somebody asks: most exchanges end without. */
  get signal(): AbortSignal {
    if (this.abort === undefined) {
      this.abort = new AbortController();
      if (this.finished === "aborted") this.abort.abort();
    }
    return this.abort.signal;
  }

  respond(status: number, headers: Readonly<Record<string, string>> = {}): void {
    if (this.dead() || this.stream.headersSent) return;
    this.stream.respond({ ":status": status, ...headers });
  }

  write(chunk: Buffer): boolean {
    if (this.dead() || this.stream.writableEnded) return false;
    // Writes of one turn leave in one batch: half the cost of two records (measured, reference http2-codec).
    if (!this.corked) {
      this.corked = true;
      this.stream.cork();
      process.nextTick(() => this.uncork());
    }
    return this.stream.write(chunk);
  }

  end(chunk?: Buffer): void {
    if (this.dead() || this.stream.writableEnded) return;
    if (chunk === undefined || chunk.length === 0) this.stream.end();
    else this.stream.end(chunk);
    this.uncork();
  }

  reset(): void {
    if (this.stream.destroyed) return;
    this.stream.close(constants.NGHTTP2_CANCEL);
    // `close` alone waits until the frame has left, which on a connection that is stuck is never.
    this.stream.destroy();
  }

  /** Answers with a text and lets go of whatever else the peer sends on this stream. */
  refuse(status: number, text: string): void {
    this.respond(status, { "content-type": "text/plain; charset=utf-8" });
    this.end(Buffer.from(text));
    if (!this.stream.destroyed) this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  onDrain(listener: () => void): void {
    this.drainListeners.push(listener);
  }

  onClose(listener: (end: ExchangeEnd) => void): void {
    if (this.finished === undefined) this.closeListeners.push(listener);
    else listener(this.finished);
  }

  private dead(): boolean {
    return this.stream.destroyed || this.stream.closed || this.stream.session?.destroyed !== false;
  }

  private uncork(): void {
    if (!this.corked) return;
    this.corked = false;
    this.stream.uncork();
  }

  private closing(): void {
    const whole = this.stream.writableFinished && this.stream.rstCode === constants.NGHTTP2_NO_ERROR;
    this.finished = whole ? "complete" : "aborted";
    if (!whole) this.abort?.abort();
    for (const listener of this.closeListeners.splice(0)) listener(this.finished);
    this.drainListeners.length = 0;
  }
}

export interface ExchangeContext {
  readonly limits: Http2Limits;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly handler: Http2Handler;
}

/** Collects the body of a new stream, then calls the handler; answers itself what breaks a limit. */
export function acceptExchange(
  stream: ServerHttp2Stream,
  incoming: IncomingHttpHeaders,
  context: ExchangeContext,
): NodeResponse {
  const { limits, budget } = context;
  const response = new NodeResponse(stream);
  const method = incoming[":method"];
  const path = incoming[":path"];
  if (method === undefined || path === undefined) {
    response.refuse(400, "a request needs a method and a path\n");
    return response;
  }
  if (headerBytes(incoming) > limits.headerBytes) {
    response.refuse(431, "the headers are too large\n");
    return response;
  }
  const chunks: Buffer[] = [];
  let held = 0;
  let open = true;
  const stop = (): void => {
    open = false;
    cancelDeadline();
    chunks.length = 0;
    budget.give(held);
    held = 0;
  };
  const refuse = (status: number, text: string): void => {
    stop();
    stream.resume();
    response.refuse(status, text);
  };
  const cancelDeadline = context.clock.after(limits.bodyMs, () => refuse(408, "the body took too long\n"));

  stream.on("data", (chunk: Buffer) => {
    if (!open) return;
    if (held + chunk.length > limits.bodyBytes) return refuse(413, "the body is too large\n");
    if (!budget.take(chunk.length)) return refuse(503, "too many bodies at once\n");
    held += chunk.length;
    chunks.push(chunk);
  });
  stream.on("end", () => {
    if (!open) return;
    // node:http2 reports the end of a stream that was reset half-way like that of a whole one.
    if (stream.closed || stream.aborted) return stop();
    const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    stop();
    context.handler(new NodeRequest(method, path, incoming, body, response), response);
  });
  response.onClose(() => {
    if (open) stop();
  });
  if (Number(incoming["content-length"]) > limits.bodyBytes) refuse(413, "the body is too large\n");
  return response;
}

/** As HTTP/2 counts them. node:http2 enforces its limit only once the peer has acknowledged the settings. */
function headerBytes(incoming: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(incoming))
    bytes += 32 + name.length + (typeof value === "string" ? value.length : (value?.join().length ?? 0));
  return bytes;
}

class NodeRequest implements Http2Request {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  private readonly response: NodeResponse;

  constructor(
    method: string,
    path: string,
    incoming: IncomingHttpHeaders,
    body: Buffer,
    response: NodeResponse,
  ) {
    this.method = method;
    this.path = path;
    this.body = body;
    this.response = response;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(incoming)) {
      if (value === undefined || name.startsWith(":")) continue;
      headers[name] = typeof value === "string" ? value : value.join(", ");
    }
    this.headers = headers;
  }

  get signal(): AbortSignal {
    return this.response.signal;
  }
}
