// Folds one decision: its events, and the memory of its command, so that a repeat gets the first answer again.
// How long that memory lasts is measured in decision time and number, which every fold knows alike.

import { principalText } from "../codec.ts";
import type { LoginId } from "../ids.ts";
import type { Decision } from "../message.ts";
import { evolve } from "./evolve.ts";
import { amendCounters, countersOf } from "./evolve/row.ts";
import type { DirectoryState } from "./state.ts";

const keptMillis = 24 * 60 * 60 * 1000;
const keptCommands = 20_000;
/** Kept whatever their age: one decision from a clock that was far ahead must not make every repeat a new command. */
const alwaysKept = 1_000;

/** `n`: place of the decision within the message `seq`. */
export function recordDecision(state: DirectoryState, decision: Decision, seq: number, n: number): void {
  const { id, by, at, events, result } = decision;
  for (const event of events) evolve(state, event, { seq, at, by });
  const login = settledLogin(decision);
  const recent = { id, by: principalText(by), at, result, n };
  state.recent.set(id, login === undefined ? recent : { ...recent, login });
  if (at > countersOf(state).lastAt) amendCounters(state, { lastAt: at });
}

/** Lets go of commands that are too old or too many, and of the outcomes of logins that they settled. */
export function forgetOldCommands(state: DirectoryState): void {
  const since = countersOf(state).lastAt - keptMillis;
  for (;;) {
    const id = state.index.oldestRecent();
    const row = id === undefined ? undefined : state.recent.get(id);
    const kept = row !== undefined && row.at < since ? alwaysKept : keptCommands;
    if (row === undefined || state.recent.size <= kept) return;
    state.recent.delete(row.id);
    // A row that a document loaded ahead of this message stays; the message that really deletes it will come.
    if (state.recent.has(row.id)) return;
    if (row.login !== undefined) state.logins.delete(row.login);
  }
}

function settledLogin({ events }: Decision): LoginId | undefined {
  for (const event of events) if ("login" in event) return event.login;
  return undefined;
}
