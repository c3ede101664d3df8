// Ends what dead gateways left open (design rule 6). A boot with open sessions and no lease for 10 s is ended by
// whichever current gateway comes first: compare-and-set on that boot's own subject picks one, and a boot that still
// lives is thereby fenced.

import { randomBytes } from "node:crypto";
import { encodeAct } from "@hydrascale/core/domain/codec";
import type { BootId, Millis } from "@hydrascale/core/domain/ids";
import type { ActMessage } from "@hydrascale/core/domain/message";
import { actSubject } from "@hydrascale/core/domain/message";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Logger } from "@hydrascale/core/obs/log";
import { pause } from "@hydrascale/core/store/follower";
import type { Store } from "@hydrascale/core/store/ports";
import { leaseKey } from "../lease.ts";
import type { Replica } from "../replica.ts";

const lookEveryMs = 2_500;
const missingForMs = 10_000;

export interface MournerOptions {
  readonly store: Store;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Logger;
  readonly boot: () => BootId;
  readonly isCurrent: () => boolean;
}

export class Mourner {
  private readonly options: MournerOptions;
  private readonly missingSince = new Map<BootId, number>();
  private cancelTimer: (() => void) | undefined;
  private stopped = false;

  constructor(options: MournerOptions) {
    this.options = options;
  }

  start(): void {
    this.cancelTimer = this.options.clock.after(lookEveryMs, () => {
      void this.look()
        .catch((error: unknown) => this.options.log.warn("leases cannot be read", { error: String(error) }))
        .finally(() => {
          if (!this.stopped) this.start();
        });
    });
  }

  stop(): void {
    this.stopped = true;
    this.cancelTimer?.();
  }

  private async look(): Promise<void> {
    if (!this.options.isCurrent()) return this.missingSince.clear();
    const { replica, clock, store } = this.options;
    for (const row of replica.fold.live.boots.values()) {
      if (row.ended || row.id === this.options.boot() || replica.fold.live.onlineOf(row.id).length === 0)
        continue;
      if ((await store.lease.get(leaseKey(row.id))) !== undefined) {
        this.missingSince.delete(row.id);
        continue;
      }
      const since = this.missingSince.get(row.id) ?? clock.monotonic();
      this.missingSince.set(row.id, since);
      if (clock.monotonic() - since < missingForMs) continue;
      // A process that was stopped for a while holds answers from before, and knows nothing of the present.
      if (!this.options.isCurrent()) return this.missingSince.clear();
      await this.end(row.id, clock.now() - missingForMs);
      this.missingSince.delete(row.id);
    }
  }

  /** Ends a boot: all its sessions, in one message. Resolves once it is folded; false when the log cannot be written. */
  async end(boot: BootId, lastSeen: Millis): Promise<boolean> {
    const { replica, store, clock, log } = this.options;
    for (let attempt = 0; attempt < 20; attempt++) {
      const row = replica.fold.live.boots.get(boot);
      if (row === undefined || row.ended) return true;
      const message: ActMessage = {
        v: 1,
        epoch: replica.fold.epoch,
        prev: row.last,
        id: randomBytes(12).toString("base64url"),
        gw: this.options.boot(),
        at: clock.now(),
        events: [{ kind: "GatewayEnded", boot, lastSeen }],
      };
      const outcome = await store.act.append(actSubject(replica.tid, boot), row.last.seq, encodeAct(message));
      if (outcome.kind === "stored" || outcome.kind === "conflict") {
        await replica
          .actReached(outcome.kind === "stored" ? outcome.seq : outcome.lastSeq, 2_000)
          .catch(() => undefined);
      } else {
        await pause(clock, 50);
      }
    }
    log.warn("a gateway that is gone cannot be ended now", { boot });
    return false;
  }
}
