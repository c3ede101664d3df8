// Reads a range of a stream, right even when stale replicas answer: a page that brings nothing is no proof, only the
// leader's word is. What a replica holds is a superset of the kept records up to its own end, so nothing is passed over.

import type { FeedRecord, FeedSource } from "./feed-source.ts";

/** Records with from ≤ seq ≤ to, ascending. */
export async function* readRange(
  source: FeedSource,
  from: number,
  to: number,
  subject?: string,
): AsyncIterable<FeedRecord> {
  for (let at = from; at <= to;) {
    let page = await source.page(at, subject);
    if (page.length === 0) {
      const next = await source.next(at, subject);
      if (next === undefined) return;
      page = [next];
    }
    for (const record of page) {
      if (record.seq > to) return;
      if (record.seq < at) continue;
      at = record.seq + 1;
      yield record;
    }
  }
}
