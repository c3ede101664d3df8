// One TCP port that answers plain HTTP and TLS, told apart by the first byte (0x16 starts a TLS handshake), so that
// the embedded relay has its certificate where control is plain http. HTTP/1.1 only: both upgrades need it.

import { Server as HttpServer, ServerResponse, createServer as createHttpServer } from "node:http";
import type { IncomingMessage } from "node:http";
import { Socket, createServer as createTcpServer } from "node:net";
import type { Server as TcpServer } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket, createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import type { Clock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { noCounters } from "./counters.ts";
import type { Counters } from "./counters.ts";
import { HalfOpen } from "./half-open.ts";
import { pathOf } from "./route.ts";
import type { RequestHandler, UpgradeTable } from "./route.ts";

const tlsHandshakeByte = 0x16;

/** PEM texts: the chain, leaf first, and the private key. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

export interface ListenLimits {
  /** From accept to the end of the first request's head, TLS handshake included. */
  readonly headMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Connections without a complete first head; at the limit the oldest is closed. */
  readonly halfOpen: number;
  readonly connections: number;
  readonly headerBytes: number;
}

export const defaultListenLimits: ListenLimits = {
  headMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 30_000,
  halfOpen: 1024,
  connections: 60_000,
  headerBytes: 16 << 10,
};

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one; `Listener.address` has the real one. */
  readonly port: number;
  /** Without it a TLS client is hung up on, until `setTls`. */
  readonly tls?: TlsMaterial;
  readonly handler: RequestHandler;
  readonly upgrades: UpgradeTable;
  readonly clock: Clock;
  readonly counters?: Counters;
  readonly limits?: Partial<ListenLimits>;
  /** The setting to name when the address cannot be had; default "listen_addr". */
  readonly setting?: string;
}

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  /** Takes effect for connections from now on. A bad pair changes nothing. */
  setTls(material: TlsMaterial): Result<void, Problem>;
  /** Stops listening, lets requests under way finish for `graceMs` (default 1 s), then ends every socket. */
  close(graceMs?: number): Promise<void>;
}

export async function listen(options: ListenOptions): Promise<Result<Listener, Problem>> {
  const port = new Port(options);
  if (options.tls !== undefined) {
    const set = port.setTls(options.tls);
    if (!set.ok) return set;
  }
  return port.open();
}

class Port implements Listener {
  private readonly options: ListenOptions;
  private readonly limits: ListenLimits;
  private readonly counters: Counters;
  private readonly tcp: TcpServer;
  private readonly http: HttpServer;
  private readonly sockets = new Set<Socket>();
  private readonly halfOpen: HalfOpen<Socket>;
  /** The TCP socket below each TLS socket that carries HTTP. */
  private readonly below = new WeakMap<Duplex, Socket>();
  private context: SecureContext | undefined;
  private bound = { host: "", port: 0 };

  constructor(options: ListenOptions) {
    this.options = options;
    this.limits = { ...defaultListenLimits, ...options.limits };
    this.counters = options.counters ?? noCounters;
    this.halfOpen = new HalfOpen(
      options.clock,
      this.limits.halfOpen,
      this.limits.headMs,
      (socket, reason) => {
        this.counters.inc("listen_dropped", { reason });
        socket.destroy();
      },
    );
    this.http = this.makeHttp();
    this.tcp = createTcpServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) =>
      this.accept(socket),
    );
    this.tcp.maxConnections = this.limits.connections;
    this.tcp.on("drop", () => this.counters.inc("listen_dropped", { reason: "connections" }));
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.bound;
  }

  open(): Promise<Result<Listener, Problem>> {
    const { host, port, setting = "listen_addr" } = this.options;
    return new Promise((resolve) => {
      this.tcp.once("error", (failure: NodeJS.ErrnoException) =>
        resolve(err(bindProblem(failure, host, port, setting))),
      );
      this.tcp.listen({ host, port }, () => {
        this.tcp.removeAllListeners("error");
        // Accepting can fail for want of file descriptors; the next connection may succeed.
        this.tcp.on("error", () => this.counters.inc("listen_dropped", { reason: "accept" }));
        const bound = this.tcp.address();
        if (bound !== null && typeof bound !== "string")
          this.bound = { host: bound.address, port: bound.port };
        resolve(ok(this));
      });
    });
  }

  setTls(material: TlsMaterial): Result<void, Problem> {
    try {
      this.context = createSecureContext({
        cert: material.cert,
        key: material.key,
        minVersion: "TLSv1.2",
      });
      return ok(undefined);
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure);
      return err(
        problem(
          "setup",
          `tls certificate and key: ${why}`,
          "give a PEM chain and the key that belongs to it",
        ),
      );
    }
  }

  async close(graceMs = 1000): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.tcp.close(() => resolve());
    });
    this.http.closeIdleConnections();
    const cancel = this.options.clock.after(graceMs, () => {
      for (const socket of this.sockets) socket.destroy();
    });
    await closed;
    cancel();
    // Ends the interval that looks for slow requests; it has no socket of its own.
    this.http.close();
  }

  private makeHttp(): HttpServer {
    const server = createHttpServer({
      headersTimeout: this.limits.headMs,
      requestTimeout: this.limits.requestMs,
      keepAliveTimeout: this.limits.keepAliveMs,
      connectionsCheckingInterval: 2000,
      maxHeaderSize: this.limits.headerBytes,
    });
    server.on("request", (request, response) => this.request(request, response));
    server.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
    server.on("clientError", (failure: NodeJS.ErrnoException, socket) => {
      this.counters.inc("listen_dropped", { reason: "http" });
      if (!socket.writable || failure.code === "ECONNRESET") {
        socket.destroy();
        return;
      }
      const status =
        failure.code === "HPE_HEADER_OVERFLOW"
          ? "431 Request Header Fields Too Large"
          : failure.code === "ERR_HTTP_REQUEST_TIMEOUT"
            ? "408 Request Timeout"
            : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    return server;
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    this.halfOpen.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.sockets.delete(socket);
      this.halfOpen.done(socket);
    });
    const first = (): void => {
      // `read(1)` answers null at an early end too; the socket then closes by itself.
      const byte: Buffer | null = socket.read(1);
      if (byte === null) {
        socket.once("readable", first);
        return;
      }
      socket.unshift(byte);
      if (byte[0] === tlsHandshakeByte) this.secure(socket);
      else this.http.emit("connection", socket);
    };
    socket.once("readable", first);
    socket.once("end", () => {
      if (socket.bytesRead === 0) socket.destroy();
    });
  }

  private secure(socket: Socket): void {
    if (this.context === undefined) {
      this.counters.inc("listen_dropped", { reason: "no-tls" });
      socket.destroy();
      return;
    }
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.context,
      ALPNProtocols: ["http/1.1"],
    });
    this.below.set(tls, socket);
    tls.on("error", () => {
      this.counters.inc("listen_dropped", { reason: "tls" });
      socket.destroy();
    });
    tls.once("close", () => socket.destroy());
    tls.once("secure", () => this.http.emit("connection", tls));
  }

  private spoke(request: IncomingMessage): void {
    this.halfOpen.done(this.below.get(request.socket) ?? request.socket);
  }

  private request(request: IncomingMessage, response: ServerResponse): void {
    this.spoke(request);
    const route = this.options.upgrades[pathOf(request)];
    (route?.plain ?? this.options.handler)(request, response);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.spoke(request);
    const route = this.options.upgrades[pathOf(request)];
    if (route !== undefined) return route.upgrade(request, socket, head);
    // An Upgrade that nobody here knows (`h2c` from Java and curl) is to be ignored, RFC 9110 7.8. Node's parser has
    // let go of the connection by now, so only a request without a body can still be answered properly.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // It is a Socket: only net.Socket and TLSSocket are ever given to `http`.
    response.assignSocket(socket as Socket);
    response.once("finish", () => socket.end());
    socket.on("error", () => socket.destroy());
    const body =
      request.headers["transfer-encoding"] !== undefined || request.headers["content-length"] !== undefined;
    if (!body || request.headers["content-length"] === "0") return this.options.handler(request, response);
    response.writeHead(400, { "content-type": "text/plain; charset=utf-8" });
    response.end("a request with a body cannot ask for this upgrade\n");
  }
}

function bindProblem(failure: NodeJS.ErrnoException, host: string, port: number, setting: string): Problem {
  const where = `${setting} ${host.includes(":") ? `[${host}]` : host}:${port}`;
  const cause = bindCauses.get(failure.code ?? "");
  return cause === undefined
    ? problem("setup", `${where}: ${failure.message}`, `set ${setting} to an address that can be used`)
    : problem("setup", `${where}: ${cause.what}`, cause.hint(setting));
}

const foreignAddress = {
  what: "this machine does not have that address",
  hint: (setting: string) => `set ${setting} to an address of this machine, or to 0.0.0.0`,
};
const bindCauses = new Map([
  [
    "EADDRINUSE",
    {
      what: "the port is in use",
      hint: (setting: string) => `stop the other process, or set ${setting} to a free port`,
    },
  ],
  [
    "EACCES",
    {
      what: "this user may not listen there",
      hint: (setting: string) =>
        `set ${setting} to a port from 1024 up, or give the process CAP_NET_BIND_SERVICE`,
    },
  ],
  ["EADDRNOTAVAIL", foreignAddress],
  ["ENOTFOUND", foreignAddress],
]);
