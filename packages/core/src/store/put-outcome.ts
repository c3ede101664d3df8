// How an append that backs a bucket's put is told to its caller.

import type { AppendOutcome, PutOutcome } from "./ports.ts";

/** A write in flight on the same key is somebody else's success, seen early. */
export function putOutcome(outcome: AppendOutcome): PutOutcome {
  switch (outcome.kind) {
    case "stored":
      return { kind: "stored", revision: outcome.seq };
    case "conflict":
    case "busy":
      return { kind: "conflict" };
    case "unknown":
      return outcome;
    case "refused":
      return { kind: "refused", reason: outcome.reason };
    default:
      return outcome satisfies never;
  }
}
