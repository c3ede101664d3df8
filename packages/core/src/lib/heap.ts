// A binary min-heap of (time, value), for deadlines that are mostly in the future.

interface Entry<T> {
  readonly at: number;
  readonly value: T;
}

export class Heap<T> {
  private readonly entries: Entry<T>[] = [];

  get size(): number {
    return this.entries.length;
  }

  peekAt(): number | undefined {
    return this.entries[0]?.at;
  }

  push(at: number, value: T): void {
    const { entries } = this;
    let i = entries.length;
    const entry = { at, value };
    entries.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = entries[parent];
      if (above === undefined || above.at <= at) break;
      entries[i] = above;
      i = parent;
    }
    entries[i] = entry;
  }

  /** Takes the earliest if it is due. */
  popDue(now: number): T | undefined {
    const { entries } = this;
    const top = entries[0];
    if (top === undefined || top.at > now) return undefined;
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) this.sink(last);
    return top.value;
  }

  private sink(entry: Entry<T>): void {
    const { entries } = this;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      const left = entries[child];
      if (left === undefined) break;
      const right = entries[child + 1];
      if (right !== undefined && right.at < left.at) child++;
      const below = entries[child];
      if (below === undefined || below.at >= entry.at) break;
      entries[i] = below;
      i = child;
    }
    entries[i] = entry;
  }
}
