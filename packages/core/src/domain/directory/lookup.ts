// Look-ups over rows: maps from an attribute to the ids of the rows that have it. A look-up is a pure function of the
// rows (the lowest id wins where several share a value that should be unique), whatever the order of the writes.

/** Several ids per value, kept sorted. */
export class Lookup<V, Id extends number | string> {
  private readonly ids = new Map<V, readonly Id[]>();

  add(value: V, id: Id): void {
    const old = this.ids.get(value);
    if (old === undefined) {
      this.ids.set(value, [id]);
      return;
    }
    const at = lowerBound(old, id);
    if (old[at] !== id) this.ids.set(value, [...old.slice(0, at), id, ...old.slice(at)]);
  }

  remove(value: V, id: Id): void {
    const old = this.ids.get(value);
    if (old === undefined) return;
    const left = old.filter((other) => other !== id);
    if (left.length === 0) this.ids.delete(value);
    else this.ids.set(value, left);
  }

  first(value: V): Id | undefined {
    return this.ids.get(value)?.[0];
  }

  all(value: V): readonly Id[] {
    return this.ids.get(value) ?? [];
  }
}

/** First place in a sorted array whose element is not below `id`. */
function lowerBound<Id extends number | string>(sorted: readonly Id[], id: Id): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = sorted[middle];
    if (at !== undefined && at < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
