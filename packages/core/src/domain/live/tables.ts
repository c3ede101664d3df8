// The tables of one tailnet's activity and the look-up by gateway process that follows them.

import type { ApiKeyId, BootId, NodeId, SessionId } from "../ids.ts";
import { Table } from "../../lib/table.ts";
import type { JournalSlot } from "../../lib/table.ts";
import { Lookup } from "../directory/lookup.ts";
import type { BootRow, KeyUse, LiveNode, LiveState } from "./state.ts";

/** The process that a session belongs to: what stands before the counter. */
export function bootOf(session: SessionId): BootId {
  const dot = session.lastIndexOf(".");
  // A session id is a boot id with a counter behind it.
  return (dot < 0 ? session : session.slice(0, dot)) as BootId;
}

const onlineBoot = (row: LiveNode | undefined): BootId | undefined =>
  row !== undefined && row.online && row.session !== null ? bootOf(row.session) : undefined;

export function createLive(): LiveState {
  const slot: JournalSlot = { journal: undefined, seq: 0 };
  const online = new Lookup<BootId, NodeId>();
  return {
    slot,
    live: new Table<NodeId, LiveNode>("live", slot, (before, after, id) => {
      const from = onlineBoot(before);
      const to = onlineBoot(after);
      if (from === to) return;
      if (from !== undefined) online.remove(from, id);
      if (to !== undefined) online.add(to, id);
    }),
    keyUse: new Table<ApiKeyId, KeyUse>("keyUse", slot),
    boots: new Table<BootId, BootRow>("boots", slot),
    onlineOf: (boot) => online.all(boot),
  };
}
