// The projector of one tailnet: one projection after another. It needs no leader and is never urgent; several at once
// are harmless. A log with a hole, or events of a newer release, stop it, and its status says so.

import type { TailnetId } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import { ProblemError } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Store } from "@hydrascale/core/store/ports";
import { Preference } from "./preference.ts";
import { Projection } from "./project.ts";
import type { ProjectionOptions } from "./project.ts";

export interface ProjectorOptions {
  readonly store: Store;
  readonly tid: TailnetId;
  /** Unique for this run of this process; a legal token. */
  readonly id: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

export interface ProjectorStatus {
  /** `opaque`: a newer release wrote events that this one does not know. `broken`: a log has a hole. */
  readonly state: "running" | "starting" | "opaque" | "broken" | "stopped";
  readonly preferred: boolean;
  /** Sequences folded, and sequences that the documents show for sure. */
  readonly folded: { readonly evt: number; readonly act: number };
  readonly shown: { readonly evt: number; readonly act: number };
  /** Documents that have to be written. */
  readonly waiting: number;
}

export interface Projector {
  status(): ProjectorStatus;
  stop(): Promise<void>;
}

const againMs = 1_000;

/** Resolves once the projector has caught up for the first time, or waits for what it cannot have now. */
export async function runProjector(options: ProjectorOptions): Promise<Result<Projector, Problem>> {
  const runner = new Runner(options);
  try {
    await runner.start();
    return ok(runner);
  } catch (error) {
    await runner.stop();
    if (error instanceof ProblemError) return err(error.problem);
    throw error;
  }
}

class Runner implements Projector {
  private readonly options: ProjectorOptions;
  private readonly preference: Preference;
  private projection: Projection | undefined;
  private broken = false;
  private stopped = false;
  private wake: () => void = () => {};

  constructor(options: ProjectorOptions) {
    this.options = options;
    this.preference = new Preference({
      bucket: options.store.lease,
      clock: options.clock,
      id: options.id,
      version: options.version,
      folded: () => this.projection?.shown?.evtCursor ?? 0,
    });
  }

  async start(): Promise<void> {
    await this.preference.start();
    try {
      this.projection = await Projection.start(this.projectionOptions());
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.code !== "unavailable") throw error;
      this.options.log.warn("the projector cannot start yet", { reason: error.problem.message });
    }
    void this.supervise(this.projection);
  }

  status(): ProjectorStatus {
    const { projection } = this;
    const shown = projection?.shown;
    return {
      state: this.state(),
      preferred: this.preference.preferred,
      folded: projection?.cursors ?? { evt: 0, act: 0 },
      shown: { evt: shown?.evtCursor ?? 0, act: shown?.actCursor ?? 0 },
      waiting: projection?.waiting ?? 0,
    };
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.wake();
    await this.projection?.stop();
    await this.preference.stop();
  }

  private state(): ProjectorStatus["state"] {
    if (this.stopped) return "stopped";
    if (this.broken) return "broken";
    if (this.projection === undefined) return "starting";
    return this.projection.opaque ? "opaque" : "running";
  }

  private async supervise(first: Projection | undefined): Promise<void> {
    const { log } = this.options;
    let current = first ?? (await this.next());
    while (current !== undefined) {
      this.projection = current;
      const over = await current.ended;
      await current.stop();
      this.projection = undefined;
      if (this.stopped) return;
      if (over.kind === "hole") {
        this.broken = true;
        log.error("the projector stops: the log has a hole that no replica can fill", {
          reason: over.reason,
        });
        return;
      }
      log.warn("the projector starts again", {
        reason: over.kind === "newer" ? "the documents are of a newer generation" : over.reason,
      });
      current = await this.next();
    }
  }

  /** undefined: stopped meanwhile. */
  private async next(): Promise<Projection | undefined> {
    for (;;) {
      await this.pause();
      if (this.stopped) return undefined;
      try {
        const projection = await Projection.start(this.projectionOptions());
        if (!this.stopped) return projection;
        await projection.stop();
        return undefined;
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        this.options.log.warn("the projector cannot start yet", { reason: error.problem.message });
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(againMs, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  private projectionOptions(): ProjectionOptions {
    const { clock, counters, log, store, tid } = this.options;
    return { clock, counters, log, store, tid, preferred: () => this.preference.preferred };
  }
}
