// STUN over UDP: tells clients the address they are seen at. Stateless; whatever is not a client's own request is
// dropped in silence. An answer is at most 4 bytes longer than the request, so a forged source gains nothing.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Problem, problem } from "@hydrascale/core/lib/errors";
import { type Addr, parseAddr } from "@hydrascale/core/lib/ip";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { parseStunRequest, stunResponse } from "@hydrascale/core/wire/stun";
import type { Counters } from "../derp/counters.ts";

export type StunCount = "answered" | "ignored" | "send_failed";

export interface StunOptions {
  /** An address, not a name. `::` serves IPv4 too. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly counters: Counters<StunCount>;
}

export interface StunListener {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

const setting = "derp.server.stun_listen_addr";

export async function listenStun({
  host,
  port,
  counters,
}: StunOptions): Promise<Result<StunListener, Problem>> {
  const family = parseAddr(host)?.family;
  if (family === undefined)
    return err(problem("invalid", `${setting}: ${JSON.stringify(host)} is not an IP address`));
  const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: false });
  try {
    socket.bind(port, host);
    await once(socket, "listening");
  } catch (cause) {
    socket.close();
    return err(bindProblem(host, port, cause));
  }
  // A failing send shows up at its callback; what else a datagram socket reports must not end the process.
  socket.on("error", () => counters.add("send_failed", 1));
  socket.on("message", (datagram, from) => answer(socket, datagram, from, counters));
  const bound = socket.address();
  return ok({
    address: { host: bound.address, port: bound.port },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  });
}

function answer(socket: Socket, datagram: Buffer, from: RemoteInfo, counters: Counters<StunCount>): void {
  const transaction = parseStunRequest(datagram);
  const source = transaction === undefined ? undefined : parseAddr(from.address);
  if (transaction === undefined || source === undefined) {
    counters.add("ignored", 1);
    return;
  }
  socket.send(stunResponse(transaction, addressBytes(source), from.port), from.port, from.address, (error) =>
    counters.add(error === null ? "answered" : "send_failed", 1),
  );
}

/** Network order, 4 or 16 bytes. */
function addressBytes({ family, value }: Addr): Uint8Array {
  const out = new Uint8Array(family === 4 ? 4 : 16);
  for (let i = out.length - 1, rest = value; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

function bindProblem(host: string, port: number, cause: unknown): Problem {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  const where = `${setting}: udp ${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return problem(
        "setup",
        `${where} is in use`,
        `end the other program, or set ${setting} to a free port`,
      );
    case "EACCES":
      return problem(
        "setup",
        `${where} may not be opened by this user`,
        `set ${setting} to a port over 1023`,
      );
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return problem(
        "setup",
        `${where} is not an address of this machine`,
        `set ${setting}, for example to 0.0.0.0:3478 where there is no IPv6`,
      );
    default:
      return problem("setup", `${where} cannot be opened: ${code}`, `set ${setting} to another address`);
  }
}
