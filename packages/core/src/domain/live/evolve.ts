// Folds one event of activity. It counts only against the node's current session at that place of the log (design
// rule 5); otherwise it is dropped, and the answer says so.

import type { BootId, Millis } from "../ids.ts";
import type { LiveEvent, LiveEventKind, Reach } from "./events.ts";
import type { LiveNode, LiveState } from "./state.ts";
import { bootOf } from "./tables.ts";

type LiveEventOf<K extends LiveEventKind> = Extract<LiveEvent, { readonly kind: K }>;

/** `boot`: whose subject the message stands on. Handlers return whether the event counted. */
type LiveHandlers = {
  readonly [K in LiveEventKind]: (state: LiveState, event: LiveEventOf<K>, boot: BootId) => boolean;
};

/** Ended processes whose fence is remembered; older ones cannot come back in practice. */
const keptEnded = 256;

const handlers = {
  NodeConnected(state, { node, session, replaces, at, reach }, boot) {
    const row = state.live.get(node);
    // A session lives on its own process's subject: else nothing would end it when that process ends.
    if ((row?.session ?? null) !== replaces || bootOf(session) !== boot) return false;
    if (state.boots.get(boot)?.ended === true) return false;
    const connected = { session, online: true, connectedAt: at, lastSeen: seen(row, at) };
    state.live.set(node, { ...(row ?? neverSeen(node)), ...connected, ...reached(reach) });
    return true;
  },
  NodeMoved(state, { node, session, at, reach }) {
    const row = state.live.get(node);
    if ((row?.session ?? null) !== session) return false;
    state.live.set(node, { ...(row ?? neverSeen(node)), lastSeen: seen(row, at), ...reached(reach) });
    return true;
  },
  NodeDisconnected(state, { node, session, at }) {
    const row = state.live.get(node);
    if (row === undefined || row.session !== session || !row.online) return false;
    state.live.set(node, { ...row, online: false, lastSeen: seen(row, at) });
    return true;
  },
  GatewayEnded(state, { boot: ended, lastSeen }, boot) {
    const row = state.boots.get(boot);
    if (ended !== boot || row === undefined || row.ended) return false;
    for (const id of state.onlineOf(boot)) {
      const node = state.live.get(id);
      if (node !== undefined) state.live.set(id, { ...node, online: false, lastSeen: seen(node, lastSeen) });
    }
    state.boots.set(boot, { ...row, ended: true });
    forgetEnded(state);
    return true;
  },
  ApiKeyUsed(state, { key, at }) {
    const row = state.keyUse.get(key);
    if (row !== undefined && row.lastSeen >= at) return false;
    state.keyUse.set(key, { id: key, lastSeen: at });
    return true;
  },
  NodeForgotten(state, { node }) {
    if (!state.live.has(node)) return false;
    state.live.delete(node);
    return true;
  },
} satisfies LiveHandlers;

export function evolveLive(state: LiveState, event: LiveEvent, boot: BootId): boolean {
  // The table pairs each kind with a handler of exactly that kind; TypeScript cannot follow a lookup by union.
  const handle = handlers[event.kind] as (state: LiveState, event: LiveEvent, boot: BootId) => boolean;
  return handle(state, event, boot);
}

/** A node of which nothing is known yet. */
export const neverSeen = (id: LiveNode["id"]): LiveNode => ({
  id,
  session: null,
  online: false,
  connectedAt: null,
  lastSeen: null,
  endpoints: [],
  discoKey: null,
  derp: 0,
  services: [],
});

/** Only forward, and by at least a millisecond, so that two readings never look alike. */
const seen = (row: LiveNode | undefined, at: Millis): Millis =>
  row === undefined || row.lastSeen === null ? at : Math.max(at, row.lastSeen + 1);

function reached(reach: Reach): Partial<LiveNode> {
  return {
    ...(reach.endpoints === undefined ? {} : { endpoints: reach.endpoints }),
    ...(reach.discoKey === undefined ? {} : { discoKey: reach.discoKey }),
    ...(reach.derp === undefined ? {} : { derp: reach.derp }),
    ...(reach.services === undefined ? {} : { services: reach.services }),
  };
}

/** Lets the longest ended process go when there are too many; runs only when one ends. */
function forgetEnded(state: LiveState): void {
  const ended = [...state.boots.values()].filter((boot) => boot.ended);
  if (ended.length <= keptEnded) return;
  ended.sort((a, b) => a.last.seq - b.last.seq);
  for (const boot of ended.slice(0, ended.length - keptEnded)) state.boots.delete(boot.id);
}
