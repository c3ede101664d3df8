// When a node's or a key's time is over. Null never ends; an expiry holds from its own millisecond on.

import type { Millis } from "./ids.ts";

export interface Expiring {
  readonly expiry: Millis | null;
}

export const isExpired = ({ expiry }: Expiring, now: Millis): boolean => expiry !== null && expiry <= now;

/** The soonest expiry after `now`; undefined when nothing is going to expire. */
export function nextExpiry(rows: Iterable<Expiring>, now: Millis): Millis | undefined {
  let soonest: Millis | undefined;
  for (const { expiry } of rows) {
    if (expiry === null || expiry <= now) continue;
    if (soonest === undefined || expiry < soonest) soonest = expiry;
  }
  return soonest;
}
