// One Noise connection of a simulated client, over real TCP, TLS or WebSocket, with an HTTP/2 client on it.

import { connect as connectHttp2 } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { WebSocket, createWebSocketStream } from "ws";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import type { PrivateKey } from "@hydrascale/core/crypto/suite";
import { initiate } from "@hydrascale/core/wire/noise/handshake";
import { HEADER_BYTES, TYPE_ERROR } from "@hydrascale/core/wire/noise/messages";
import { NoiseDuplex } from "@hydrascale/gateway/noise/duplex";

export interface DialOptions {
  /** Control server, like http://127.0.0.1:8080; its path does not matter. */
  readonly url: string;
  readonly capver: number;
  readonly machine: PrivateKey;
  readonly serverPublic: Uint8Array;
  readonly webSocket?: boolean;
  /** For transports of tests: every byte the client sends and gets goes through what this answers. */
  readonly wrap?: (socket: Duplex) => Duplex;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

/** The server did not switch protocols. */
export class RefusedUpgrade extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(`upgrade refused: ${status} ${text}`);
    this.status = status;
  }
}

/** A socket that is upgraded to Noise, handshake sent with the request, nothing of it read but `head`. */
export async function dialUpgrade(
  url: string,
  initiation: Uint8Array,
  extra: Readonly<Record<string, string>> = {},
): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
  const target = new URL("/ts2021", url);
  const send = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(target, {
      method: "POST",
      rejectUnauthorized: false,
      agent: false,
      headers: {
        Connection: "upgrade",
        Upgrade: "tailscale-control-protocol",
        "X-Tailscale-Handshake": Buffer.from(initiation).toString("base64"),
        "Content-Length": "0",
        ...extra,
      },
    });
    request.on("upgrade", (_response, socket, head) => {
      socket.setNoDelay(true);
      resolve({ socket, head });
    });
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        reject(new RefusedUpgrade(response.statusCode ?? 0, Buffer.concat(chunks).toString())),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

export async function dialWebSocket(url: string, initiation: Uint8Array): Promise<Duplex> {
  const target = new URL("/ts2021", url);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  target.searchParams.set("X-Tailscale-Handshake", Buffer.from(initiation).toString("base64"));
  const socket = new WebSocket(target, ["tailscale-control-protocol"], {
    perMessageDeflate: false,
    rejectUnauthorized: false,
  });
  const stream = createWebSocketStream(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
    socket.once("close", (code, reason) => reject(new RefusedUpgrade(code, reason.toString())));
  });
  return stream;
}

/** Reads the server's handshake frame from `socket`; answers it and what came behind it. */
export function readHandshakeFrame(
  socket: Duplex,
  head: Buffer,
): Promise<{ readonly frame: Buffer; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.from(head);
    const look = (): boolean => {
      if (bytes.length < HEADER_BYTES) return false;
      const size = HEADER_BYTES + bytes.readUInt16BE(1);
      if (bytes.length < size) return false;
      stop();
      resolve({ frame: bytes.subarray(0, size), rest: bytes.subarray(size) });
      return true;
    };
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      look();
    };
    const onClose = (): void => {
      stop();
      reject(new Error("connection closed in the handshake"));
    };
    const stop = (): void => {
      socket.pause();
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.off("end", onClose);
    };
    socket.on("error", () => undefined);
    if (look()) return;
    socket.on("data", onData);
    socket.on("end", onClose);
    socket.on("close", onClose);
  });
}

/** Dials and completes the handshake: a plaintext stream to the server. */
export async function dialNoise(options: DialOptions): Promise<NoiseDuplex> {
  const { url, capver, machine, serverPublic } = options;
  const handshake = initiate({ suite: nodeSuite, version: capver, machinePrivate: machine, serverPublic });
  const dialled =
    options.webSocket === true
      ? { socket: await dialWebSocket(url, handshake.initiation), head: Buffer.alloc(0) }
      : await dialUpgrade(url, handshake.initiation);
  const socket = options.wrap?.(dialled.socket) ?? dialled.socket;
  const { frame, rest } = await readHandshakeFrame(socket, dialled.head);
  if (frame[0] === TYPE_ERROR) throw new Error(`server error: ${frame.subarray(HEADER_BYTES).toString()}`);
  const finished = handshake.finish(frame);
  if (!finished.ok) throw new Error(`handshake ${finished.error} by the client`);
  return new NoiseDuplex(socket, { suite: nodeSuite, ...finished.value }, rest);
}

export interface LinkRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  readonly authority?: string;
}

export class NoiseLink {
  readonly duplex: NoiseDuplex;
  readonly session: ClientHttp2Session;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  private readonly authority: string;

  constructor(duplex: NoiseDuplex, url: string) {
    this.duplex = duplex;
    this.authority = new URL(url).host;
    this.session = connectHttp2(`https://${this.authority}`, { createConnection: () => duplex });
    this.session.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      const done = (): void => {
        if (!this.session.destroyed) this.session.destroy();
        resolve();
      };
      duplex.once("close", done);
      this.session.once("close", done);
    });
  }

  static async dial(options: DialOptions): Promise<NoiseLink> {
    return new NoiseLink(await dialNoise(options), options.url);
  }

  get usable(): boolean {
    return !this.session.destroyed && !this.session.closed && !this.duplex.destroyed;
  }

  /** Sends a request; the stream's response is the caller's to read. */
  open(request: LinkRequest): ClientHttp2Stream {
    const stream = this.session.request(
      {
        ":method": request.method ?? "POST",
        ":path": request.path,
        ":authority": request.authority ?? this.authority,
        "user-agent": "Go-http-client/2.0",
        "accept-encoding": "gzip",
        ...request.headers,
      },
      { endStream: request.body === undefined },
    );
    stream.on("error", () => undefined);
    if (request.body !== undefined) stream.end(request.body);
    return stream;
  }

  /** The whole answer; rejects when the exchange ends without one. */
  request(request: LinkRequest, ms = 10_000): Promise<Answer> {
    const stream = this.open(request);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stream.close(8);
        reject(new Error(`${request.path}: no answer within ${ms} ms`));
      }, ms);
      let status = 0;
      const headers: Record<string, string> = {};
      const chunks: Buffer[] = [];
      stream.on("response", (incoming) => {
        status = incoming[":status"] ?? 0;
        for (const [name, value] of Object.entries(incoming)) headers[name] = String(value);
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      let ended = false;
      stream.on("end", () => {
        ended = true;
      });
      stream.on("close", () => {
        clearTimeout(timer);
        const body = Buffer.concat(chunks);
        if (ended && status > 0) resolve({ status, headers, body, text: body.toString() });
        else
          reject(
            new Error(`${request.path}: exchange ended early (status ${status}, code ${stream.rstCode})`),
          );
      });
    });
  }

  close(): void {
    this.session.destroy();
    this.duplex.destroy();
  }
}
