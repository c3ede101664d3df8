// The door to the relay: turns an HTTP upgrade into a byte stream of DERP frames, natively or over WebSocket.
// Any other upgrade is answered with 426 and the connection is closed.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { toHex, view } from "@hydrascale/core/lib/bytes";
import { derpVersion } from "@hydrascale/core/wire/derp/frames";
import { WebSocketServer } from "ws";
import { socketTransport, type Transport, webSocketTransport } from "./transport.ts";

export const upgradeRequired = "DERP requires connection upgrade\n";
const subprotocol = "derp";
/** The largest frame fits in. A message is held whole until its end, also before it is known whose it is. */
const maxMessage = 128 << 10;

export class DerpUpgrade {
  readonly #publicKeyHex: string;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessage,
    handleProtocols: () => subprotocol,
  });

  constructor(publicKey: Uint8Array) {
    this.#publicKeyHex = toHex(publicKey);
  }

  /** Calls back with the stream once the client may speak DERP; else has answered and closed. */
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    accepted: (transport: Transport) => void,
  ): void {
    const wanted = tokens(req.headers.upgrade);
    if (req.method !== "GET") {
      refuse(socket, "405 Method Not Allowed", "the relay is entered with GET\n", ["Allow: GET"]);
    } else if (wanted.includes("derp")) {
      if ("setNoDelay" in socket && typeof socket.setNoDelay === "function") socket.setNoDelay(true);
      // With a fast start the client has the key from the TLS handshake and reads frames at once: any HTTP answer
      // would be taken for a frame.
      if (req.headers["derp-fast-start"] !== "1") socket.write(this.#switching());
      accepted(socketTransport(socket, head));
    } else if (wanted.includes("websocket")) {
      if (!tokens(req.headers["sec-websocket-protocol"]).includes(subprotocol)) {
        refuse(socket, "400 Bad Request", "the WebSocket subprotocol must be derp\n");
        return;
      }
      this.#webSockets.handleUpgrade(req, socket, view(head), (ws) => accepted(webSocketTransport(ws)));
    } else {
      refuse(socket, "426 Upgrade Required", upgradeRequired, ["Upgrade: DERP"]);
    }
  }

  #switching(): string {
    return [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: DERP",
      "Connection: Upgrade",
      `Derp-Version: ${derpVersion}`,
      `Derp-Public-Key: ${this.#publicKeyHex}`,
      "\r\n",
    ].join("\r\n");
  }
}

/** Answers an upgrade request with a plain response and closes. */
export function refuse(socket: Duplex, status: string, text: string, headers: readonly string[] = []): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  const lines = [
    `HTTP/1.1 ${status}`,
    ...headers,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Connection: close",
    "",
    text,
  ];
  socket.end(lines.join("\r\n"));
}

const tokens = (header: string | undefined): readonly string[] =>
  (header ?? "").split(",").map((token) => token.trim().toLowerCase());
