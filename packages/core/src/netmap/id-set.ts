// A set of small positive integers in few bytes: which users' profiles a stream has been sent. Ids are counters,
// so a bit per id is small; the few large ones (the synthetic owner of tagged nodes) go to an ordinary set.

const LARGEST = 1 << 20;

export class IdSet {
  private words = new Uint32Array(0);
  private readonly large = new Set<number>();

  has(id: number): boolean {
    if (id >= LARGEST) return this.large.has(id);
    return (((this.words[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  }

  add(id: number): void {
    if (id >= LARGEST) {
      this.large.add(id);
      return;
    }
    const at = id >> 5;
    if (at >= this.words.length) {
      const grown = new Uint32Array(Math.max(4, at + 1 + (at >> 1)));
      grown.set(this.words);
      this.words = grown;
    }
    this.words[at] = (this.words[at] ?? 0) | (1 << (id & 31));
  }

  clear(): void {
    this.words = new Uint32Array(0);
    this.large.clear();
  }
}
