// Folds one decided event into the tables. Total: an event about something that is not there changes nothing.
// Knows no clock, random number or configuration; whatever was chosen is in the event. Each handler derives a row from
// that row and the event alone, never from another row: a fold that resumes from documents relies on it.

import type { Millis } from "../ids.ts";
import type { Principal } from "../message.ts";
import type { DirectoryEvent, DirectoryEventKind } from "./events.ts";
import { keyHandlers } from "./evolve/keys.ts";
import { nodeHandlers } from "./evolve/nodes.ts";
import { tailnetHandlers } from "./evolve/tailnet.ts";
import { userHandlers } from "./evolve/users.ts";
import type { DirectoryState } from "./state.ts";

export interface EventMeta {
  /** Sequence of the message. */
  readonly seq: number;
  readonly at: Millis;
  readonly by: Principal;
}

export type EventOf<K extends DirectoryEventKind> = Extract<DirectoryEvent, { readonly kind: K }>;
export type Handlers<K extends DirectoryEventKind = DirectoryEventKind> = {
  readonly [P in K]: (state: DirectoryState, event: EventOf<P>, meta: EventMeta) => void;
};

const handlers = {
  ...tailnetHandlers,
  ...userHandlers,
  ...keyHandlers,
  ...nodeHandlers,
} satisfies Handlers;

export function evolve(state: DirectoryState, event: DirectoryEvent, meta: EventMeta): void {
  // The table pairs each kind with a handler of exactly that kind; TypeScript cannot follow a lookup by union.
  const handle = handlers[event.kind] as (
    state: DirectoryState,
    event: DirectoryEvent,
    meta: EventMeta,
  ) => void;
  handle(state, event, meta);
}
