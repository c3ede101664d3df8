// A client that joined and stays: it holds a map stream and, when that ends, comes back by itself as tailscaled does,
// with a back-off that grows with the square of the attempts.

import { setTimeout as pause } from "node:timers/promises";
import type { TestClient } from "../support/client/control.ts";
import type { MapStream } from "../support/client/stream.ts";
import type { ApiNode } from "./api.ts";
import { dialed } from "./load.ts";

const backoffMs = (attempt: number): number =>
  Math.min(attempt * attempt * 10, 2_000) * (0.5 + Math.random());

export class Holder {
  readonly client: TestClient;
  /** Of streams whose first map came. */
  connects = 0;
  /** Why streams were refused or ended, by status. */
  readonly ends = new Map<string, number>();
  private current: MapStream | undefined;
  private status: number | undefined;
  private stopped = false;
  private running: Promise<void> | undefined;

  private constructor(client: TestClient) {
    this.client = client;
  }

  static async join(url: string, hostname: string, authKey: string): Promise<Holder> {
    const client = await dialed(url, hostname);
    const answer = await client.register({ authKey });
    if (answer.MachineAuthorized !== true) throw new Error(`holder: ${JSON.stringify(answer)}`);
    const holder = new Holder(client);
    holder.running = holder.hold();
    return holder;
  }

  /** What is wrong with what it knows, compared with what the API says; undefined when nothing is. */
  difference(nodes: readonly ApiNode[], holders: ReadonlySet<string>): string | undefined {
    const stream = this.current;
    if (stream?.open !== true) return "has no stream";
    if (stream.received.length === 0) return `got no map (status ${this.status ?? "none"})`;
    const { node, peers } = stream.netmap;
    const self = nodes.find((one) => one.machineKey === this.client.machine.text);
    if (self === undefined) return "is not listed";
    if (!self.online) return "is off line";
    if (String(node?.ID) !== self.id) return `is node ${String(node?.ID)}, listed as ${self.id}`;
    const others = nodes.filter((one) => one !== self);
    if (peers.size !== others.length) return `has ${peers.size} peers of ${others.length}`;
    for (const other of others) {
      const peer = peers.get(Number(other.id));
      if (peer === undefined) return `does not know node ${other.id}`;
      if (peer.Name?.split(".")[0] !== other.givenName)
        return `calls ${other.givenName} ${String(peer.Name)}`;
      if (peer.Key !== other.nodeKey) return `has another key of ${other.givenName}`;
      const addresses = (peer.Addresses ?? []).map((prefix) => prefix.split("/")[0]);
      if (addresses.join() !== other.ipAddresses.join()) return `has other addresses of ${other.givenName}`;
      if (holders.has(other.machineKey) && peer.Online !== true) return `sees ${other.givenName} off line`;
    }
    return undefined;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.client.close();
    await this.running;
    this.client.close();
  }

  private async hold(): Promise<void> {
    for (let attempt = 0; !this.stopped; attempt++) {
      try {
        const stream = await this.client.stream();
        if (this.stopped) break;
        this.current = stream;
        this.status = undefined;
        void stream.status.then((status) => {
          if (this.current === stream) this.status = status;
        });
        await stream.next((message) => message.Node !== undefined, 60_000);
        this.connects++;
        attempt = 0;
        const end = await stream.ended;
        this.count(`ended ${end.code}`);
      } catch (error) {
        this.count(error instanceof Error ? error.message.slice(0, 60) : String(error));
      }
      this.current = undefined;
      this.client.close();
      if (!this.stopped) await pause(backoffMs(attempt));
    }
  }

  private count(why: string): void {
    this.ends.set(why, (this.ends.get(why) ?? 0) + 1);
  }
}
