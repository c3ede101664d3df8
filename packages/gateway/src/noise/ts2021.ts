// /ts2021: from an upgrade request to HTTP/2 requests of a machine (protocol 1.2, 1.3, 2). Anybody can complete the
// handshake, so a connection is anonymous with a stable key, and everything before its first HTTP/2 byte is bounded
// in time and number. No early payload is sent: no client since 1.90 needs it, and older ones do without.

import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { PrivateKey, Suite } from "@hydrascale/core/crypto/suite";
import type { MachineKey } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import { respond } from "@hydrascale/core/wire/noise/handshake";
import { errorFrame } from "@hydrascale/core/wire/noise/messages";
import type { Http2Connection, Http2Request, Http2Response, Http2Serve } from "../http2/port.ts";
import type { Counters } from "../listen/counters.ts";
import { HalfOpen } from "../listen/half-open.ts";
import type { UpgradeRoute } from "../listen/route.ts";
import { NoiseDuplex } from "./duplex.ts";
import {
  badRequest,
  decodeHandshake,
  handshakeHeader,
  partWith,
  refusePlain,
  switching,
  upgradeFault,
} from "./upgrade.ts";
import { WebSocketDoor } from "./websocket.ts";

/** Who is at the other end. The machine key is proven; that it belongs to a node is not. */
export interface NoisePeer {
  readonly machineKey: MachineKey;
  /** The client's capability version, as its handshake said. Any value: refusing old ones is the handlers' work. */
  readonly version: number;
  readonly remoteAddress: string;
  readonly connection: Http2Connection;
}

export type NoiseHandler = (request: Http2Request, response: Http2Response, peer: NoisePeer) => void;

export interface Ts2021Options {
  readonly suite: Suite;
  readonly serverPrivate: PrivateKey;
  readonly http2: Http2Serve;
  readonly handler: NoiseHandler;
  readonly clock: Clock;
  readonly counters: Counters;
  /** From the handshake to the first HTTP/2 byte; default 10 s. */
  readonly handshakeMs?: number;
  /** Connections in that state; at the limit the oldest is closed. Default 1024. */
  readonly halfOpen?: number;
  /** Where a request comes from, for logs and limits; default: the socket's address. */
  readonly addressOf?: (request: IncomingMessage) => string;
}

const nothing = Buffer.alloc(0);

export class Ts2021 {
  readonly route: UpgradeRoute;
  private readonly options: Ts2021Options;
  private readonly halfOpen: HalfOpen<NoiseDuplex>;
  private readonly open = new Set<Http2Connection>();
  private readonly webSockets: WebSocketDoor;
  private closing = false;

  constructor(options: Ts2021Options) {
    this.options = options;
    this.halfOpen = new HalfOpen(
      options.clock,
      options.halfOpen ?? 1024,
      options.handshakeMs ?? 10_000,
      (duplex, reason) => {
        this.failed(reason);
        duplex.destroy();
      },
    );
    this.webSockets = new WebSocketDoor(
      (stream, initiation, request) => this.handshake(stream, initiation, request, nothing, nothing),
      () => this.failed("bad-upgrade"),
    );
    this.route = {
      upgrade: (request, socket, head) => this.upgrade(request, socket, head),
      plain: (request, response) => {
        this.failed("bad-upgrade");
        refusePlain(request, response);
      },
    };
  }

  /** Connections that completed the handshake, half-open ones included. */
  get connections(): number {
    return this.open.size;
  }

  /** Takes no more requests; open ones may finish. */
  goaway(): void {
    this.closing = true;
    for (const connection of this.open) connection.goaway();
  }

  /** Ends every connection now. */
  close(): void {
    this.closing = true;
    for (const connection of this.open) connection.close();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    if (socket instanceof Socket) {
      socket.setTimeout(0);
      socket.setNoDelay(true);
    }
    if (this.closing) {
      socket.destroy();
      return;
    }
    if (request.method === "GET" && request.headers.upgrade?.toLowerCase() === "websocket") {
      this.webSockets.accept(request, socket, head);
      return;
    }
    const initiation = decodeHandshake(headerText(request));
    const fault =
      upgradeFault(request) ??
      (initiation === undefined ? "X-Tailscale-Handshake: missing or not base64\n" : undefined);
    if (fault !== undefined || initiation === undefined) {
      this.failed("bad-upgrade");
      badRequest(socket, fault ?? "", this.options.clock);
      return;
    }
    this.handshake(socket, initiation, request, head, switching);
  }

  /** `preamble` leaves in one write with the response, so that the client has both in one read. */
  private handshake(
    transport: Duplex,
    initiation: Buffer,
    request: IncomingMessage,
    head: Buffer,
    preamble: Buffer,
  ): void {
    const { suite, serverPrivate, clock, counters } = this.options;
    const result = respond({ suite, serverPrivate, initiation });
    if (!result.ok) {
      this.failed(result.error);
      // A forged initiation learns nothing but that it is over; a malformed one is told, for whoever debugs a client.
      const last = result.error === "rejected" ? nothing : errorFrame("malformed handshake initiation");
      partWith(transport, Buffer.concat([preamble, last]), clock);
      return;
    }
    const { response, machineKey, version, sendKey, receiveKey } = result.value;
    transport.write(preamble.length === 0 ? response : Buffer.concat([preamble, response]));
    const duplex = new NoiseDuplex(transport, { suite, sendKey, receiveKey }, head, () =>
      this.halfOpen.done(duplex),
    );
    this.halfOpen.add(duplex);
    const connection = this.options.http2(duplex, (request, response) =>
      this.options.handler(request, response, peer),
    );
    const remoteAddress = this.options.addressOf?.(request) ?? request.socket.remoteAddress ?? "";
    const peer: NoisePeer = { machineKey, version, remoteAddress, connection };
    this.open.add(connection);
    counters.inc("noise_accepted", { transport: preamble.length === 0 ? "websocket" : "upgrade" });
    duplex.once("close", () => {
      this.halfOpen.done(duplex);
      if (duplex.failure === "record") this.failed("record");
    });
    connection.onClose(() => {
      this.open.delete(connection);
      duplex.destroy();
    });
  }

  private failed(reason: string): void {
    this.options.counters.inc("noise_failed", { reason });
  }
}

const headerText = (request: IncomingMessage): string | undefined => {
  const value = request.headers[handshakeHeader];
  return Array.isArray(value) ? undefined : value;
};
