// The body of one request while it comes in: gathered within the limits of the port, given back to the budgets
// however it ends.

import type { ByteBudget } from "../budget.ts";
import type { RequestHead } from "./request-head.ts";

const nothing = Buffer.alloc(0);

export class Intake {
  readonly head: RequestHead;
  private readonly limit: number;
  private readonly budget: ByteBudget;
  private readonly cancelDeadline: () => void;
  private bytes: Buffer = nothing;
  private size = 0;
  private counted = 0;

  constructor(head: RequestHead, limit: number, budget: ByteBudget, cancelDeadline: () => void) {
    this.head = head;
    this.limit = limit;
    this.budget = budget;
    this.cancelDeadline = cancelDeadline;
  }

  /** The status to refuse with, when the piece cannot be taken. */
  add(piece: Buffer, last: boolean): 413 | 503 | undefined {
    const size = this.size + piece.length;
    if (size > this.limit) return 413;
    // Whole in one frame it is handed on in this turn and never held: a budget that others used up is no matter.
    if (last && this.size === 0) this.bytes = piece;
    else if (!this.budget.take(piece.length)) return 503;
    else {
      this.counted += piece.length;
      if (piece.length > 0) this.copy(piece, size);
    }
    this.size = size;
    return undefined;
  }

  /** The whole body; undefined when it is not as long as announced. */
  whole(): Buffer | undefined {
    if (this.head.length !== undefined && this.head.length !== this.size) return undefined;
    return this.bytes.subarray(0, this.size);
  }

  release(): void {
    this.cancelDeadline();
    this.budget.give(this.counted);
    this.counted = 0;
    this.size = 0;
    this.bytes = nothing;
  }

  /** A view would keep a whole chunk of the transport alive for a few bytes, and a list an object per byte. */
  private copy(piece: Buffer, size: number): void {
    if (size > this.bytes.length) {
      const room = Buffer.allocUnsafeSlow(Math.min(this.limit, Math.max(1_024, 2 * size)));
      this.bytes.copy(room, 0, 0, this.size);
      this.bytes = room;
    }
    piece.copy(this.bytes, this.size);
  }
}
