// Holds this gateway's fold against the documents that projectors write (design rule 4): a document with a sequence
// that was folded here must be equal. A difference is an alarm that names both; it means that two programs disagree
// about what happened, and nothing here may guess which is right.

import { verify } from "@hydrascale/core/domain/snapshot/verify";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Bucket } from "@hydrascale/core/store/ports";
import type { Replica } from "./replica.ts";

export interface VerifierOptions {
  readonly netmap: Bucket;
  readonly replica: Replica;
  readonly log: Logger;
  readonly counters: Counters;
}

export class Verifier {
  private readonly options: VerifierOptions;
  private stopWatching: (() => Promise<void>) | undefined;
  /** Keys whose document differs, with what was seen; shown by doctor. */
  readonly differences = new Map<string, string>();

  constructor(options: VerifierOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { netmap, replica } = this.options;
    this.stopWatching = await netmap.watch(replica.tid, (key, entry) => {
      if (entry !== undefined) this.check(key, entry.value);
    });
  }

  async stop(): Promise<void> {
    await this.stopWatching?.();
  }

  private check(key: string, value: Uint8Array): void {
    const { replica, log, counters } = this.options;
    const verdict = verify(replica.fold, key, value);
    counters.inc("documents_verified", { verdict: verdict.kind });
    if (verdict.kind !== "different") {
      this.differences.delete(key);
      return;
    }
    this.differences.set(key, verdict.detail);
    log.error("a document differs from this gateway's fold", { key, detail: verdict.detail });
  }
}
