// What a viewer has not been told yet: names of fields and nodes, never values, which are read when the message is
// built. Merging two dirty sets is a union, so order and repetition of changes do not matter.

import type { NodeId } from "../domain/ids.ts";
import type { FieldName } from "./fields.ts";
import { IdSet } from "./id-set.ts";

/** Bits of what a PeerChange can carry. */
export const patchBit = {
  endpoints: 1,
  derp: 2,
  presence: 4, // Online and LastSeen
  disco: 8,
  key: 16,
  expiry: 32,
  capver: 64,
} as const;

export class Dirty {
  readonly fields = new Set<FieldName>();
  /** Became visible at some time since; the viewer may not know it. */
  readonly come = new Set<NodeId>();
  /** Became invisible at some time since; the viewer may still know it. In both: told as removal, then arrival. */
  readonly gone = new Set<NodeId>();
  /** Differ in something that no patch can say. */
  readonly changed = new Set<NodeId>();
  /** Bits of `patchBit`. */
  readonly patched = new Map<NodeId, number>();
  /** Wire ids of users whose profile changed. */
  readonly profiles = new Set<number>();

  patch(id: NodeId, bits: number): void {
    this.patched.set(id, (this.patched.get(id) ?? 0) | bits);
  }

  add(other: Dirty): void {
    for (const x of other.fields) this.fields.add(x);
    for (const x of other.come) this.come.add(x);
    for (const x of other.gone) this.gone.add(x);
    for (const x of other.changed) this.changed.add(x);
    for (const [id, bits] of other.patched) this.patch(id, bits);
    for (const x of other.profiles) this.profiles.add(x);
  }
}

/** One open stream as the engine marks it. Calling back waits for the end of the change (`Waking`). */
export class Viewer {
  readonly node: NodeId;
  /** Users, by wire id, whose profiles the stream was sent. */
  readonly known = new IdSet();
  private readonly waking: Set<Viewer>;
  private pending: Dirty | undefined;

  constructor(node: NodeId, waking: Set<Viewer>) {
    this.node = node;
    this.waking = waking;
  }

  get dirty(): Dirty {
    if (this.pending === undefined) {
      this.pending = new Dirty();
      this.waking.add(this);
    }
    return this.pending;
  }

  /** Takes what is pending; the next mark wakes again. */
  drain(): Dirty | undefined {
    const pending = this.pending;
    this.pending = undefined;
    return pending;
  }
}
