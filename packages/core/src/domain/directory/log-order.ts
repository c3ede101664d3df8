// Rows in log order, so that the oldest can be let go without looking at the others. `n` orders those of one message.
// Removal is lazy: an entry that is no longer the current one of its id is skipped when it comes up.

interface Entry<Id> {
  readonly seq: number;
  readonly n: number;
  readonly id: Id;
}

const before = (a: Entry<unknown>, b: Entry<unknown>): number => a.seq - b.seq || a.n - b.n;

export class LogOrder<Id> {
  private queue: Entry<Id>[] = [];
  private head = 0;
  private sorted = true;
  private readonly current = new Map<Id, Entry<Id>>();

  add(id: Id, seq: number, n: number): void {
    const entry: Entry<Id> = { seq, n, id };
    const last = this.queue.at(-1);
    if (last !== undefined && before(last, entry) > 0) this.sorted = false;
    this.queue.push(entry);
    this.current.set(id, entry);
    // Where nobody asks for the oldest, entries that are no longer current would pile up.
    if (this.queue.length > 2 * this.current.size + 1024) this.sweep();
  }

  remove(id: Id): void {
    const entry = this.current.get(id);
    if (entry === undefined) return;
    this.current.delete(id);
    // A rollback takes back what was added last; leaving it would make every later entry look out of order.
    if (this.queue.at(-1) === entry && this.queue.length > this.head) this.queue.pop();
  }

  oldest(): Id | undefined {
    if (!this.sorted) {
      this.queue = this.queue.slice(this.head).sort(before);
      this.head = 0;
      this.sorted = true;
    }
    for (; this.head < this.queue.length; this.head++) {
      const entry = this.queue[this.head];
      if (entry !== undefined && this.current.get(entry.id) === entry) {
        this.compact();
        return entry.id;
      }
    }
    this.compact();
    return undefined;
  }

  private sweep(): void {
    this.queue = this.queue.slice(this.head).filter((entry) => this.current.get(entry.id) === entry);
    this.head = 0;
  }

  private compact(): void {
    if (this.head < 1024 || this.head * 2 < this.queue.length) return;
    this.queue = this.queue.slice(this.head);
    this.head = 0;
  }
}
