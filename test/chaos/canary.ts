// Two well-behaved clients beside the abuse: one changes its endpoints again and again, the other has to hear of it. How
// long that takes, and how the server's memory grows meanwhile, is what others suffer.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { TestClient } from "../support/client/control.ts";
import type { MapStream } from "../support/client/stream.ts";
import { residentBytes } from "../support/up.ts";

export interface Suffered {
  readonly updates: number;
  readonly slowestMs: number;
  /** Highest resident size while it lasted, less that before. */
  readonly grownBytes: number;
}

const everyMs = 150;
/** Clients notice nothing of a delay like this; a busy test machine needs some of it for itself. */
const deadlineMs = 10_000;

export class Canary {
  private readonly talker: TestClient;
  private readonly listener: TestClient;
  private readonly talking: MapStream;
  private readonly listening: MapStream;
  private readonly pid: number;
  private turn = 0;

  private constructor(
    talker: TestClient,
    talking: MapStream,
    listener: TestClient,
    listening: MapStream,
    pid: number,
  ) {
    this.talker = talker;
    this.talking = talking;
    this.listener = listener;
    this.listening = listening;
    this.pid = pid;
  }

  static async join(url: string, authKey: string, pid: number): Promise<Canary> {
    const talker = await TestClient.create({ url, hostname: "talker" });
    const listener = await TestClient.create({ url, hostname: "listener" });
    for (const client of [talker, listener]) await client.register({ authKey });
    return new Canary(talker, await talker.up(), listener, await listener.up(), pid);
  }

  get id(): number {
    return this.talking.netmap.node?.ID ?? 0;
  }

  /** Runs the abuse; fails as soon as an update does not get through. */
  async during(abuse: () => Promise<void>): Promise<Suffered> {
    const before = residentBytes(this.pid);
    let most = before;
    let slowestMs = 0;
    let updates = 0;
    const over = new AbortController();
    const work = abuse().finally(() => over.abort());
    // Awaited below; a failure must not be unhandled while an update is on its way.
    work.catch(() => undefined);
    do {
      slowestMs = Math.max(slowestMs, await this.update());
      updates++;
      most = Math.max(most, residentBytes(this.pid));
      await pause(everyMs);
    } while (!over.signal.aborted);
    await work;
    assert.ok(this.talking.open && this.listening.open, "a stream of a well-behaved client was ended");
    return { updates, slowestMs, grownBytes: most - before };
  }

  close(): void {
    this.talker.close();
    this.listener.close();
  }

  private async update(): Promise<number> {
    const began = performance.now();
    const endpoint = `192.0.2.1:${1024 + (this.turn++ % 60_000)}`;
    await this.talker.lite({ endpoints: [endpoint] });
    const { id } = this;
    await this.listening.until(
      ({ peers }) => peers.get(id)?.Endpoints?.includes(endpoint) === true,
      deadlineMs,
    );
    return performance.now() - began;
  }
}
