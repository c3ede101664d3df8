// The log as the audit reads it: every message of the tailnet with its place and whether it counts.

import { decodeEvt } from "@hydrascale/core/domain/codec";
import type { TailnetId } from "@hydrascale/core/domain/ids";
import { evtSubject } from "@hydrascale/core/domain/message";
import type { Prev } from "@hydrascale/core/domain/message";
import type { Log } from "@hydrascale/core/store/ports";
import type { HistoryEntry } from "./service.ts";

/** From sequence `from` on. A message whose predecessor lies before `from` is taken at its word. */
export async function* history(
  log: Log,
  tid: TailnetId,
  epoch: string,
  from: number,
): AsyncIterable<HistoryEntry> {
  let last: Prev | undefined = from <= 1 ? { seq: 0, id: "" } : undefined;
  for await (const record of log.read(from, evtSubject(tid))) {
    const decoded = decodeEvt(record.data);
    if (!decoded.ok) continue;
    const message = decoded.message;
    const follows = last === undefined || (message.prev.seq === last.seq && message.prev.id === last.id);
    const valid = message.epoch === epoch && follows;
    if (valid) last = { seq: record.seq, id: message.id };
    yield { seq: record.seq, time: record.time, message, valid };
  }
}
