// The wire of the upgrade to Noise: its header, its answers (protocol 1.2). No connection state.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "@hydrascale/core/lib/clock";

export const controlProtocol = "tailscale-control-protocol";
/** Name of the header, and of the query parameter that browsers use instead. */
export const handshakeHeader = "x-tailscale-handshake";

export const switching = Buffer.from(
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${controlProtocol}\r\nConnection: upgrade\r\n\r\n`,
);

const lingerMs = 1000;
const textType = "text/plain; charset=utf-8";

/** Standard padded base64 and nothing else; undefined for anything that does not come back the same. */
export function decodeHandshake(text: string | undefined): Buffer | undefined {
  if (text === undefined || text === "") return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** What is wrong with a request to the upgrade path that is not the upgrade; shown as the body of a 400. */
export function upgradeFault(request: IncomingMessage): string | undefined {
  const upgrade = request.headers.upgrade;
  if (upgrade === undefined) return `missing header: Upgrade: ${controlProtocol}\n`;
  if (upgrade !== controlProtocol) return `unknown Upgrade: this path speaks ${controlProtocol}\n`;
  if (request.method !== "POST") return "the upgrade is a POST\n";
  return undefined;
}

/** Last words on a connection: writes, closes, and does not wait for a peer that keeps its side open. */
export function partWith(socket: Duplex, bytes: Uint8Array, clock: Clock): void {
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.end(bytes);
  const cancel = clock.after(lingerMs, () => socket.destroy());
  socket.once("close", cancel);
}

export function badRequest(socket: Duplex, text: string, clock: Clock): void {
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: ${textType}\r\nContent-Length: ${Buffer.byteLength(text)}`;
  partWith(socket, Buffer.from(`${head}\r\nConnection: close\r\n\r\n${text}`), clock);
}

/** The answer to a request on the upgrade path that carries no Upgrade header. */
export function refusePlain(request: IncomingMessage, response: ServerResponse): void {
  const text = upgradeFault(request) ?? "an upgrade must not be sent as an ordinary request\n";
  response.writeHead(400, { "content-type": textType, connection: "close" });
  response.end(text);
}
