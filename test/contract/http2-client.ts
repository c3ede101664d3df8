// The client's side of the HTTP/2 contract: node's own client on one end of a pair, the port under test on the other.

import assert from "node:assert/strict";
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { Http2Connection, Http2Handler, Http2Serve } from "@hydrascale/gateway/http2/port";
import { pair } from "./http2-pair.ts";
import type { PairEnd } from "./http2-pair.ts";

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
  readonly code: number;
}

export class Rig {
  readonly session: ClientHttp2Session;
  readonly connection: Http2Connection;
  readonly transport: PairEnd;

  constructor(serve: Http2Serve, handler: Http2Handler) {
    const [client, server] = pair();
    this.transport = server;
    this.connection = serve(server, handler);
    this.session = connect("https://control.example:8443", { createConnection: () => client });
    this.session.on("error", () => undefined);
  }

  open(headers: OutgoingHttpHeaders, body?: Buffer): ClientHttp2Stream {
    const stream = this.session.request({ ":method": "POST", ...headers }, { endStream: body === undefined });
    stream.on("error", () => undefined);
    if (body !== undefined) stream.end(body);
    return stream;
  }

  async ask(headers: OutgoingHttpHeaders, body?: Buffer): Promise<Reply> {
    return reply(this.open(headers, body));
  }

  async end(): Promise<void> {
    this.session.destroy();
    await within(2000, "the server's end of the connection", closed(this.connection));
    assert.equal(this.connection.openStreams, 0);
  }
}

export async function reply(stream: ClientHttp2Stream): Promise<Reply> {
  let status = 0;
  const chunks: Buffer[] = [];
  stream.on("response", (headers) => (status = headers[":status"] ?? 0));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Not events.once: it would reject on the error that comes before the close.
  const done = new Promise<void>((resolve) => stream.once("close", resolve));
  if (!stream.closed || !stream.destroyed) await within(5000, "the answer", done);
  return { status, body: Buffer.concat(chunks), code: stream.rstCode };
}

export const closed = (connection: Http2Connection): Promise<void> =>
  new Promise((resolve) => connection.onClose(resolve));

export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once `holds`; looks at every turn of the event loop. */
export async function eventually(what: string, holds: () => boolean, ms = 5000): Promise<void> {
  const until = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > until) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
