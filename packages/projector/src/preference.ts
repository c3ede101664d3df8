// Which of several projectors writes at once and which ones wait: the one whose lease is the oldest. A mere economy;
// when two believe that they are preferred, both write, and compare-and-set sorts it out.

import type { Clock } from "@hydrascale/core/lib/clock";
import { ProblemError } from "@hydrascale/core/lib/errors";
import type { Bucket } from "@hydrascale/core/store/ports";

export interface PreferenceOptions {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** Unique for this run; a token. */
  readonly id: string;
  readonly version: string;
  /** Sequence of EVT that the documents show. */
  readonly folded: () => number;
}

const ttlSeconds = 20;
const renewMs = 5_000;
const prefix = "pj";

export class Preference {
  private readonly options: PreferenceOptions;
  private readonly startedAt: number;
  private revision = 0;
  private first = false;
  private stopped = false;
  private cancel: () => void = () => {};
  private running: Promise<void> = Promise.resolve();

  constructor(options: PreferenceOptions) {
    this.options = options;
    this.startedAt = options.clock.now();
  }

  get preferred(): boolean {
    return this.first;
  }

  async start(): Promise<void> {
    await this.renew();
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
    if (this.revision > 0) await this.options.bucket.delete(this.key, this.revision);
  }

  private get key(): string {
    return `${prefix}.${this.options.id}`;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancel = this.options.clock.after(renewMs, () => {
      this.running = this.renew().then(() => this.schedule());
    });
  }

  private async renew(): Promise<void> {
    const { bucket, clock, folded, id, version } = this.options;
    const value = {
      boot: id,
      role: "projector",
      version,
      state: "serving",
      addresses: [],
      startedAt: this.startedAt,
      renewedAt: clock.now(),
      folded: folded(),
    };
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const outcome = await bucket.put(this.key, bytes, this.revision, ttlSeconds);
    if (outcome.kind === "stored") this.revision = outcome.revision;
    try {
      // Expired, or an answer got lost: the key is this run's own, so what stands there is what to replace.
      if (outcome.kind !== "stored") this.revision = (await bucket.get(this.key))?.revision ?? 0;
      this.first = (await this.oldest()) === id;
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.first = false;
    }
  }

  private async oldest(): Promise<string | undefined> {
    let found: { readonly startedAt: number; readonly id: string } | undefined;
    for await (const entry of this.options.bucket.entries(prefix)) {
      const id = entry.key.slice(prefix.length + 1);
      const startedAt = startOf(entry.value);
      if (
        found === undefined ||
        startedAt < found.startedAt ||
        (startedAt === found.startedAt && id < found.id)
      )
        found = { startedAt, id };
    }
    return found?.id;
  }
}

function startOf(value: Uint8Array): number {
  try {
    const lease: unknown = JSON.parse(new TextDecoder().decode(value));
    const startedAt =
      typeof lease === "object" && lease !== null && "startedAt" in lease ? lease.startedAt : 0;
    return typeof startedAt === "number" ? startedAt : 0;
  } catch {
    return 0;
  }
}
