// Look-ups over rows: maps from an attribute to the ids of the rows that have it. A look-up is a pure function of the
// rows (the lowest id wins where several share a value that should be unique), whatever the order of the writes.

/** Several ids per value, kept sorted in place: a user or a gateway may have ten thousand nodes. */
export class Lookup<V, Id extends number | string> {
  private readonly ids = new Map<V, Id[]>();

  add(value: V, id: Id): void {
    const sorted = this.ids.get(value);
    if (sorted === undefined) {
      this.ids.set(value, [id]);
      return;
    }
    const at = lowerBound(sorted, id);
    if (sorted[at] !== id) sorted.splice(at, 0, id);
  }

  remove(value: V, id: Id): void {
    const sorted = this.ids.get(value);
    if (sorted === undefined) return;
    const at = lowerBound(sorted, id);
    if (sorted[at] === id) sorted.splice(at, 1);
    if (sorted.length === 0) this.ids.delete(value);
  }

  first(value: V): Id | undefined {
    return this.ids.get(value)?.[0];
  }

  /** A copy: the reader may write while it goes through them. */
  all(value: V): readonly Id[] {
    return [...(this.ids.get(value) ?? [])];
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
