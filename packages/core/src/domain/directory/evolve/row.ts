// What handlers do to rows: change one that exists, raise a counter.

import type { RowId, Table } from "../../../lib/table.ts";
import type { Counters, DirectoryState } from "../state.ts";
import { noCounters } from "../tables.ts";

/** Replaces a row by what `change` makes of it; does nothing when there is none. */
export function amend<K extends RowId, V extends object>(
  table: Table<K, V>,
  id: K,
  change: (row: V) => Partial<V>,
): void {
  const row = table.get(id);
  if (row !== undefined) table.set(id, { ...row, ...change(row) });
}

export const countersOf = (state: DirectoryState): Counters => state.counters.get("counters") ?? noCounters;

export function amendCounters(state: DirectoryState, change: Partial<Counters>): void {
  state.counters.set("counters", { ...countersOf(state), ...change });
}

type IdCounter = "nextNode" | "nextUser" | "nextPreAuthKey" | "nextApiKey";

/** Makes sure that `id` is never given out again. */
export function raise(state: DirectoryState, counter: IdCounter, id: number): void {
  if (countersOf(state)[counter] <= id) amendCounters(state, { [counter]: id + 1 });
}
