// The relay: which keys are here, on which connection, and who has to hear when one goes. It forwards opaque packets
// between admitted node keys and keeps nothing about them. A sender never waits for a receiver.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { NodeKey } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import { view } from "@hydrascale/core/lib/bytes";
import { isDisco } from "@hydrascale/core/wire/derp/frames";
import { publicKeyOf } from "@hydrascale/core/wire/derp/box";
import { rawKey } from "@hydrascale/core/wire/keys";
import { Connection, type Relay } from "./connection.ts";
import type { DerpCounters } from "./counters.ts";
import { DerpUpgrade, refuse } from "./upgrade.ts";
import type { Transport } from "./transport.ts";

/** Handshakes under way at once, and the bytes they may hold together: each may take 256 KiB for 10 s. */
const defaultHandshakes = 4096;
const defaultEarlyBytes = 64 << 20;
const restart = { reconnectInMs: 1000, tryForMs: 5000 } as const;
const closeMs = 1000;

export interface DerpServerOptions {
  /** X25519, 32 bytes; the same at every gateway of a region, never the Noise key. */
  readonly privateKey: Uint8Array;
  /** Whether a key that has proved itself may relay. Throwing or rejecting means no. */
  readonly admit: (key: NodeKey, source: string) => boolean | Promise<boolean>;
  readonly clock: Clock;
  readonly counters: DerpCounters;
  /** Of clients that are not admitted yet; at the limit the oldest goes, since an honest one is admitted at once. */
  readonly handshakes?: number;
  /** Bytes that those have sent; above it the one with the most goes. */
  readonly earlyBytes?: number;
}

export interface DerpStats {
  readonly connections: number;
  readonly handshakes: number;
  /** Clients that call this relay their home. */
  readonly home: number;
  /** Bytes that wait for clients. */
  readonly held: number;
}

/** An admitted key. It outlives a connection that a newer one replaces. */
interface Member {
  readonly key: Uint8Array;
  connection: Connection<Member>;
  /** Keys that got packets of this one and have to hear when it goes, and the reverse, so that both sides forget. */
  readonly sentTo: Set<Member>;
  readonly receivedFrom: Set<Member>;
}

export class DerpServer {
  readonly publicKey: Uint8Array;
  readonly #upgrade: DerpUpgrade;
  readonly #relay: Relay<Member>;
  readonly #members = new Map<string, Member>();
  readonly #connections = new Set<Connection<Member>>();
  readonly #handshakes = new Set<Connection<Member>>();
  readonly #onEmpty = new Set<() => void>();
  readonly #maxHandshakes: number;
  readonly #maxEarlyBytes: number;
  #early = 0;
  #closing = false;

  constructor(options: DerpServerOptions) {
    const { privateKey, clock, counters } = options;
    this.publicKey = publicKeyOf(privateKey);
    this.#upgrade = new DerpUpgrade(this.publicKey);
    this.#maxHandshakes = options.handshakes ?? defaultHandshakes;
    this.#maxEarlyBytes = options.earlyBytes ?? defaultEarlyBytes;
    this.#relay = {
      keys: { publicKey: this.publicKey, privateKey },
      clock,
      counters,
      admit: options.admit,
      early: (bytes) => this.#countEarly(bytes),
      join: (connection, key) => this.#join(connection, key),
      route: (from, destination, packet) => this.#route(from, destination, packet),
      ended: (connection, member) => this.#ended(connection, member),
    };
  }

  /** Takes over an upgrade request for `/derp`, whatever it asks for. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    if (this.#closing) {
      refuse(socket, "503 Service Unavailable", "the relay takes no connection now\n", ["Retry-After: 5"]);
      return;
    }
    if (this.#handshakes.size >= this.#maxHandshakes) {
      const [oldest] = this.#handshakes;
      this.#evict(oldest);
    }
    const source = plainAddress(req.socket.remoteAddress);
    this.#upgrade.accept(req, socket, head, (transport) => this.serve(transport, source));
  }

  /** Speaks DERP over a stream whose upgrade is done. */
  serve(transport: Transport, source: string): void {
    const connection = new Connection(this.#relay, transport, source);
    this.#connections.add(connection);
    this.#handshakes.add(connection);
    connection.start();
  }

  /** A node was deleted or its key changed: ends its connection, also one that is being admitted right now. */
  disconnect(key: NodeKey): void {
    for (const connection of this.#handshakes) if (connection.key === key) connection.close();
    this.#members.get(mapKey(rawKey(key)))?.connection.close();
  }

  stats(): DerpStats {
    let home = 0;
    let held = 0;
    for (const connection of this.#connections) {
      if (connection.home) home++;
      held += connection.held;
    }
    const handshakes = this.#handshakes.size;
    return { connections: this.#connections.size - handshakes, handshakes, home, held };
  }

  /** Tells clients to come back soon and ends all connections; resolves when none is left. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const connection of this.#connections)
      connection.restarting(restart.reconnectInMs, restart.tryForMs);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const stop = this.#relay.clock.after(closeMs, () => {
        for (const connection of this.#connections) connection.close();
      });
      this.#onEmpty.add(() => {
        stop();
        resolve();
      });
    });
  }

  /** A flood takes from itself: whoever sent most before it was admitted goes, not whoever came last. */
  #countEarly(bytes: number): void {
    this.#early += bytes;
    while (this.#early > this.#maxEarlyBytes) {
      let greediest: Connection<Member> | undefined;
      for (const connection of this.#handshakes)
        if (greediest === undefined || connection.early > greediest.early) greediest = connection;
      if (greediest === undefined || greediest.early === 0) return;
      this.#evict(greediest);
    }
  }

  #evict(connection: Connection<Member> | undefined): void {
    this.#relay.counters.add("overloaded", 1);
    connection?.close();
  }

  #join(connection: Connection<Member>, key: Uint8Array): Member {
    this.#handshakes.delete(connection);
    const id = mapKey(key);
    const known = this.#members.get(id);
    if (known === undefined) {
      const member: Member = { key, connection, sentTo: new Set(), receivedFrom: new Set() };
      this.#members.set(id, member);
      return member;
    }
    const old = known.connection;
    known.connection = connection;
    this.#relay.counters.add("replaced", 1);
    old.close();
    return known;
  }

  #route(from: Member, destination: Uint8Array, packet: Uint8Array): void {
    const disco = isDisco(packet);
    const to = this.#members.get(mapKey(destination));
    if (to === undefined) {
      this.#relay.counters.add("packets_dropped_absent", 1);
      if (disco) from.connection.notHere(destination);
      return;
    }
    this.#relay.counters.add("packets_relayed", 1);
    from.sentTo.add(to);
    to.receivedFrom.add(from);
    to.connection.deliver(from.key, packet, disco);
  }

  #ended(connection: Connection<Member>, member: Member | undefined): void {
    this.#connections.delete(connection);
    this.#handshakes.delete(connection);
    if (member !== undefined && member.connection === connection) this.#leave(member);
    if (this.#connections.size === 0) {
      for (const done of this.#onEmpty) done();
      this.#onEmpty.clear();
    }
  }

  #leave(member: Member): void {
    this.#members.delete(mapKey(member.key));
    for (const sender of member.receivedFrom) sender.sentTo.delete(member);
    for (const receiver of member.sentTo) {
      receiver.receivedFrom.delete(member);
      if (receiver !== member && !this.#closing) receiver.connection.peerGone(member.key);
    }
  }
}

/** Raw keys as map keys: one character per byte, which is the cheapest text there is. */
const mapKey = (raw: Uint8Array): string => view(raw).toString("latin1");

/** IPv4 seen through a dual-stack socket in its own form. */
const plainAddress = (address: string | undefined): string =>
  (address ?? "").replace(/^::ffff:(?=\d+\.)/, "");
