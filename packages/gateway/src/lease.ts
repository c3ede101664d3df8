// This process's lease: the proof that it reached the store lately, and its sign of life to the others (design rule 6).
// A gateway that is not current decides nothing and ends nobody.

import type { Clock } from "@hydrascale/core/lib/clock";
import type { BootId, Millis } from "@hydrascale/core/domain/ids";
import type { Bucket } from "@hydrascale/core/store/ports";
import { messageOf } from "@hydrascale/core/lib/errors";
import type { Logger } from "@hydrascale/core/obs/log";

export const leaseTtlSeconds = 20;
const renewEveryMs = 5_000;
const currentForMs = 15_000;
const startTries = 3;

export interface LeaseValue {
  readonly boot: BootId;
  readonly role: "gateway" | "projector";
  readonly version: string;
  readonly state: "serving" | "draining";
  readonly addresses: readonly string[];
  readonly startedAt: Millis;
  readonly renewedAt: Millis;
  /** A projector: sequence of EVT that its documents show. */
  readonly folded?: number;
}

export interface LeaseOptions {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly log: Logger;
  readonly value: () => Omit<LeaseValue, "renewedAt">;
  /** Asks the leaders for the ends of both logs and resolves once they are folded. */
  readonly catchUp: () => Promise<void>;
}

export const leaseKey = (boot: BootId): string => `gw.${boot}`;

export class Lease {
  private readonly options: LeaseOptions;
  private revision = 0;
  private ackedAt = Number.NEGATIVE_INFINITY;
  private currentSince = Number.NEGATIVE_INFINITY;
  private unbroken: Millis = 0;
  private cancelTimer: (() => void) | undefined;
  private renewing: Promise<boolean> | undefined;
  private stopped = false;

  constructor(options: LeaseOptions) {
    this.options = options;
  }

  /** Takes the lease and keeps it. Resolves with whether the first round succeeded. */
  async start(): Promise<boolean> {
    let first = false;
    for (let attempt = 0; attempt < startTries && !first; attempt++) first = await this.renew();
    this.schedule();
    return first;
  }

  /** Acked and caught up within the last 15 s; checked at each use. */
  get current(): boolean {
    return this.options.clock.monotonic() - this.currentSince < currentForMs;
  }

  /** Wall time since when it has been current without a break. */
  get servingSince(): Millis {
    return this.unbroken;
  }

  /** Milliseconds since the store last acknowledged something of ours. */
  get ackAge(): number {
    return this.options.clock.monotonic() - this.ackedAt;
  }

  /** One round at a time: put, then catch up. False when the store cannot be reached. */
  renew(): Promise<boolean> {
    this.renewing ??= this.round().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer?.();
    await this.renewing;
    const { bucket, value } = this.options;
    if (this.revision > 0) await bucket.delete(leaseKey(value().boot), this.revision);
  }

  private async round(): Promise<boolean> {
    const { clock, log } = this.options;
    const asked = clock.monotonic();
    if (!(await this.put())) return false;
    this.ackedAt = asked;
    try {
      await this.options.catchUp();
      if (!this.current) this.unbroken = clock.now();
      this.currentSince = asked;
      return true;
    } catch (error) {
      log.warn("the ends of the logs cannot be read", {
        error: messageOf(error),
      });
      return false;
    }
  }

  private async put(): Promise<boolean> {
    const { bucket, clock, value, log } = this.options;
    const lease: LeaseValue = { ...value(), renewedAt: clock.now() };
    const key = leaseKey(lease.boot);
    const bytes = new TextEncoder().encode(JSON.stringify(lease));
    for (let attempt = 0; attempt < 3; attempt++) {
      const outcome = await bucket.put(key, bytes, this.revision, leaseTtlSeconds);
      if (outcome.kind === "stored") {
        this.revision = outcome.revision;
        return true;
      }
      if (outcome.kind !== "conflict") {
        log.warn("lease cannot be renewed", { reason: outcome.reason });
        return false;
      }
      // Expired meanwhile, or an earlier put of ours that timed out was stored after all: a boot id is nobody else's.
      this.revision = (await bucket.get(key))?.revision ?? 0;
    }
    return false;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.cancelTimer = this.options.clock.after(renewEveryMs, () => {
      void this.renew()
        .catch(() => false)
        .finally(() => this.schedule());
    });
  }
}
