// Lets workers in while it is open, and tells when the last one that is inside has left.

export class Gate {
  private closed = false;
  private inside = 0;
  private readonly waiting = new Set<() => void>();
  private readonly emptied = new Set<() => void>();

  async pass<T>(work: () => Promise<T>): Promise<T> {
    while (this.closed) await new Promise<void>((resolve) => this.waiting.add(resolve));
    this.inside++;
    try {
      return await work();
    } finally {
      this.inside--;
      if (this.inside === 0) release(this.emptied);
    }
  }

  /** Nobody new gets in; resolves when all are out. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.inside > 0) await new Promise<void>((resolve) => this.emptied.add(resolve));
  }

  open(): void {
    this.closed = false;
    release(this.waiting);
  }
}

function release(waiting: Set<() => void>): void {
  const all = [...waiting];
  waiting.clear();
  for (const one of all) one();
}
