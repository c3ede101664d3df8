// Bytes of unfinished request bodies, counted per connection and per process: anybody can complete a Noise
// handshake, so what an anonymous peer can make the gateway hold is bounded twice.

export class ByteBudget {
  private used = 0;
  private readonly limit: number;
  private readonly parent: ByteBudget | undefined;

  constructor(limit: number, parent?: ByteBudget) {
    this.limit = limit;
    this.parent = parent;
  }

  /** Takes all of `bytes`, or nothing and answers false. */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    if (this.parent !== undefined && !this.parent.take(bytes)) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
    this.parent?.give(bytes);
  }
}
