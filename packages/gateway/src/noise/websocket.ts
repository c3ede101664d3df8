// The browser's way in (protocol 1.3): the initiation is a query parameter, the Noise stream runs in binary
// messages whose boundaries mean nothing. Any origin may come: the handshake is what authenticates.

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, createWebSocketStream } from "ws";
import type { WebSocket } from "ws";
import { controlProtocol, decodeHandshake, handshakeHeader } from "./upgrade.ts";

const policyViolation = 1008;
const unsupportedData = 1003;
/** A message is held whole until its end, and anybody may send one; clients send a record (4 KiB) at a time. */
const messageBytes = 128 << 10;

export type WebSocketHandshake = (stream: Duplex, initiation: Buffer, request: IncomingMessage) => void;

export class WebSocketDoor {
  private readonly server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: messageBytes,
    handleProtocols: (offered) => (offered.has(controlProtocol) ? controlProtocol : false),
  });
  private readonly handshake: WebSocketHandshake;
  private readonly refused: () => void;

  constructor(handshake: WebSocketHandshake, refused: () => void) {
    this.handshake = handshake;
    this.refused = refused;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => webSocket.terminate());
      const initiation = decodeHandshake(handshakeParameter(request));
      if (webSocket.protocol !== controlProtocol) this.refuse(webSocket, "the subprotocol is missing");
      else if (initiation === undefined)
        this.refuse(webSocket, "X-Tailscale-Handshake: missing or not base64");
      else {
        webSocket.on("message", (_data, binary) => {
          if (!binary) webSocket.close(unsupportedData, "binary messages only");
        });
        this.handshake(createWebSocketStream(webSocket), initiation, request);
      }
    });
  }

  /** `ws` ends the connection itself, 30 s after a close that the peer does not answer. */
  private refuse(webSocket: WebSocket, why: string): void {
    this.refused();
    webSocket.close(policyViolation, why);
  }
}

/** The parameter's name is found in any case, since the header's name is one too. */
function handshakeParameter(request: IncomingMessage): string | undefined {
  const query = (request.url ?? "").split("?")[1] ?? "";
  for (const [name, value] of new URLSearchParams(query))
    if (name.toLowerCase() === handshakeHeader) return value;
  return undefined;
}
