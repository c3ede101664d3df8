// HTTP/2 inside Noise, as the rest of the gateway sees it: a request arrives whole, a response streams out.
// No Node stream and no HTTP/2 object appears above this file, so that the codec behind it can be exchanged.
// Nothing here throws because the peer went away: writing to a dead exchange does nothing and says so.

import type { Duplex } from "node:stream";

export interface Http2Request {
  readonly method: string;
  /** `:path` as sent, with its query. Routing looks at this alone: `:authority` says nothing. */
  readonly path: string;
  /** Lower-case names, no pseudo-headers; repeated ones are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body, at most `limits.bodyBytes`. */
  readonly body: Buffer;
  /** Aborts when the exchange ends before the response was finished. */
  readonly signal: AbortSignal;
}

export interface Http2Response {
  /** Sends the headers at once. The second call and a call on a dead exchange do nothing. */
  respond(status: number, headers?: Readonly<Record<string, string>>): void;
  /**
   * Queues a chunk; what one turn writes leaves together. The buffer must not change afterwards. false: the peer
   * is slow (or gone), wait for `onDrain`.
   */
  write(chunk: Buffer): boolean;
  end(chunk?: Buffer): void;
  /** Ends the exchange with an error (CANCEL), dropping what is queued. */
  reset(): void;
  /** Bytes taken by `write` that have not left yet. */
  readonly queued: number;
  /** The headers were sent: no other status can be given any more. */
  readonly responded: boolean;
  /** true once nothing can be sent any more. */
  readonly closed: boolean;
  onDrain(listener: () => void): void;
  /** Called once, however the exchange ends; at once when it has ended already. */
  onClose(listener: (end: ExchangeEnd) => void): void;
}

/** `complete`: the response was sent whole; `aborted`: the peer, the connection or `reset` ended it earlier. */
export type ExchangeEnd = "complete" | "aborted";

export type Http2Handler = (request: Http2Request, response: Http2Response) => void;

export interface Http2Connection {
  readonly openStreams: number;
  /** Takes no new requests, lets open ones finish, then closes. */
  goaway(): void;
  /** Ends everything now. */
  close(): void;
  /** Milliseconds until the peer answered an HTTP/2 PING; undefined when the connection ended first. */
  ping(): Promise<number | undefined>;
  /** Called once; at once when the connection has ended already. */
  onClose(listener: () => void): void;
}

export interface Http2Limits {
  /** Of one request; more is answered 413. */
  readonly bodyBytes: number;
  /** Of all unfinished request bodies of one connection, and of the process; more is answered 503. */
  readonly connectionBodyBytes: number;
  readonly totalBodyBytes: number;
  /** A body that takes longer is answered 408. */
  readonly bodyMs: number;
  readonly streams: number;
  readonly headerBytes: number;
  /** A connection without a request is closed after `firstRequestMs`, one without an open stream after `idleMs`. */
  readonly firstRequestMs: number;
  readonly idleMs: number;
}

export const defaultHttp2Limits: Http2Limits = {
  bodyBytes: 1 << 20,
  connectionBodyBytes: 4 << 20,
  totalBodyBytes: 256 << 20,
  bodyMs: 30_000,
  streams: 100,
  headerBytes: 16 << 10,
  firstRequestMs: 30_000,
  idleMs: 300_000,
};

/** Speaks HTTP/2 as the server on `transport`; the transport ends with the connection. */
export type Http2Serve = (transport: Duplex, handler: Http2Handler) => Http2Connection;
