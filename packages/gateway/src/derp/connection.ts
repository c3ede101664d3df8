// One client of the relay: handshake, admission, then frames until either side ends. It reads and decides; where a
// packet goes is the server's business. Before a key is proved and admitted, nothing but a ClientInfo is accepted.
import { randomBytes } from "node:crypto";
import type { NodeKey } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import * as frames from "@hydrascale/core/wire/derp/frames";
import { frameType } from "@hydrascale/core/wire/derp/frames";
import { type KeyPair, openClientInfo, serverInfoFrame } from "@hydrascale/core/wire/derp/info";
import { DerpError, type DerpFrame, DerpParser } from "@hydrascale/core/wire/derp/parser";
import { nodeKey } from "@hydrascale/core/wire/keys";
import type { DerpCount, DerpCounters } from "./counters.ts";
import { Outbox } from "./outbox.ts";
import type { Transport } from "./transport.ts";

const handshakeMs = 10_000;
const keepAliveMs = 60_000;
const keepAliveJitterMs = 5000;
/** Answers to path discovery towards absent keys: this many at once, then one a second. */
const notHereBurst = 3;

/** What a connection asks of the relay. `Member` is the relay's own record of an admitted key. */
export interface Relay<Member> {
  readonly keys: KeyPair;
  readonly clock: Clock;
  readonly counters: DerpCounters;
  admit(key: NodeKey, source: string): boolean | Promise<boolean>;
  /** Counts bytes of clients that are not admitted, negative when given back. May close this one or others. */
  early(bytes: number): void;
  join(connection: Connection<Member>, key: Uint8Array): Member;
  route(from: Member, destination: Uint8Array, packet: Uint8Array): void;
  /** Comes once for each connection; `member` only when it had joined. */
  ended(connection: Connection<Member>, member: Member | undefined): void;
}

export class Connection<Member> {
  readonly #relay: Relay<Member>;
  readonly #transport: Transport;
  readonly #source: string;
  readonly #outbox: Outbox;
  readonly #parser = new DerpParser(frames.readByServer);
  #state: "handshake" | "admission" | "open" | "closed" = "handshake";
  /** Proved, but not necessarily admitted. */
  #key: NodeKey | undefined;
  #member: Member | undefined;
  #stopTimer: () => void = () => {};
  #notHere = notHereBurst;
  #notHereAt = 0;
  #home = false;
  #early = 0;

  constructor(relay: Relay<Member>, transport: Transport, source: string) {
    this.#relay = relay;
    this.#transport = transport;
    this.#source = source;
    const { clock, counters } = relay;
    this.#outbox = new Outbox({ transport, clock, counters, onStuck: () => this.close() });
  }

  get key(): NodeKey | undefined {
    return this.#key;
  }
  get home(): boolean {
    return this.#home;
  }
  /** Bytes that it sent before it was admitted. */
  get early(): number {
    return this.#early;
  }
  /** Bytes waiting for this client. */
  get held(): number {
    return this.#outbox.held;
  }

  start(): void {
    this.#deadline();
    this.#outbox.control(frames.serverKeyFrame(this.#relay.keys.publicKey));
    this.#transport.listen({
      data: (chunk) => this.#received(chunk),
      close: () => this.close(),
    });
  }

  deliver(source: Uint8Array, packet: Uint8Array, disco: boolean): void {
    this.#outbox.packet(frames.recvPacketFrame(source, packet), disco);
  }

  peerGone(key: Uint8Array): void {
    this.#outbox.control(frames.peerGoneFrame(key, frames.goneReason.disconnected));
  }

  /** Tells the client that a key it looks for is not here, unless it was told that often just now. */
  notHere(key: Uint8Array): void {
    const now = this.#relay.clock.monotonic();
    this.#notHere = Math.min(notHereBurst, this.#notHere + (now - this.#notHereAt) / 1000);
    this.#notHereAt = now;
    if (this.#notHere < 1) return;
    this.#notHere -= 1;
    this.#outbox.control(frames.peerGoneFrame(key, frames.goneReason.notHere));
  }

  /** Ends the connection with what was queued still sent: the server stops. */
  restarting(reconnectInMs: number, tryForMs: number): void {
    if (this.#state === "open") this.#outbox.control(frames.restartingFrame(reconnectInMs, tryForMs));
    this.#transport.end();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#returnEarly();
    this.#stopTimer();
    this.#outbox.close();
    this.#transport.destroy();
    this.#relay.ended(this, this.#member);
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  #fail(count: DerpCount): void {
    if (this.#state === "closed") return;
    this.#relay.counters.add(count, 1);
    this.close();
  }

  #returnEarly(): void {
    const early = this.#early;
    this.#early = 0;
    this.#relay.early(-early);
  }

  #deadline(): void {
    this.#stopTimer();
    this.#stopTimer = this.#relay.clock.after(handshakeMs, () => this.#fail("handshake_failed"));
  }

  #keepAlive(): void {
    this.#stopTimer();
    this.#stopTimer = this.#relay.clock.after(keepAliveMs + Math.random() * keepAliveJitterMs, () => {
      this.#outbox.control(frames.keepAliveFrame());
      this.#keepAlive();
      this.#askAgain();
    });
  }

  /** What was admitted may have expired since. A question that fails is no answer: then it stays. */
  #askAgain(): void {
    if (this.#key === undefined) return;
    try {
      Promise.resolve(this.#relay.admit(this.#key, this.#source)).then(
        (admitted) => {
          if (!admitted) this.#fail("rejected");
        },
        () => undefined,
      );
    } catch {
      // As above.
    }
  }

  #received(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#state !== "open") {
      this.#early += chunk.length;
      this.#relay.early(chunk.length);
    }
    if (this.#isClosed) return;
    this.#parser.push(chunk);
    this.#read();
  }

  #read(): void {
    try {
      while (this.#state === "handshake" || this.#state === "open") {
        const frame = this.#parser.next();
        if (frame === undefined) return;
        if (this.#state === "handshake") this.#introduced(frame);
        else this.#handle(frame);
      }
    } catch (cause) {
      if (!(cause instanceof DerpError)) throw cause;
      this.#fail(this.#state === "open" ? "protocol_error" : "handshake_failed");
    }
  }

  #introduced(frame: DerpFrame): void {
    if (frame.type !== frameType.clientInfo) throw new DerpError("the first frame is not a client info");
    const { key } = openClientInfo(frame.payload, this.#relay.keys.privateKey);
    this.#key = nodeKey(key);
    this.#state = "admission";
    this.#deadline();
    const answer = this.#ask(this.#key);
    if (typeof answer === "boolean") {
      this.#answered(key, answer);
      return;
    }
    // Nothing is read meanwhile, so that an unadmitted client cannot make us store.
    this.#transport.pause();
    answer.then(
      (admitted) => {
        this.#answered(key, admitted);
        this.#transport.resume();
        this.#read();
      },
      () => this.#fail("handshake_failed"),
    );
  }

  #ask(key: NodeKey): boolean | Promise<boolean> {
    try {
      return this.#relay.admit(key, this.#source);
    } catch {
      return false;
    }
  }

  #answered(key: Uint8Array, admitted: boolean): void {
    if (this.#state !== "admission") return;
    if (!admitted) {
      this.#fail("rejected");
      return;
    }
    this.#relay.counters.add("accepted", 1);
    this.#state = "open";
    this.#returnEarly();
    this.#outbox.control(serverInfoFrame(key, this.#relay.keys.privateKey, randomBytes(frames.nonceLength)));
    this.#member = this.#relay.join(this, key);
    this.#keepAlive();
  }

  #handle(frame: DerpFrame): void {
    const { payload } = frame;
    switch (frame.type) {
      case frameType.sendPacket:
        if (this.#member === undefined) return;
        this.#relay.counters.add("packets_in", 1);
        this.#relay.counters.add("bytes_in", payload.length - frames.keyLength);
        this.#relay.route(
          this.#member,
          payload.subarray(0, frames.keyLength),
          payload.subarray(frames.keyLength),
        );
        return;
      case frameType.ping:
        this.#outbox.pong(frames.frame(frameType.pong, payload));
        return;
      case frameType.pong:
        return;
      case frameType.notePreferred:
        this.#home = payload[0] === 1;
        this.#relay.counters.add(this.#home ? "home_noted" : "home_left", 1);
        return;
      case frameType.forwardPacket:
      case frameType.watchConns:
      case frameType.closePeer:
        throw new DerpError("mesh frames are not accepted: this relay has no mesh");
      default:
        throw new DerpError(`frame ${frame.type} is out of place`);
    }
  }
}
