// What time alone brings about: keys expire, and ephemeral nodes that stay away are deleted. Both follow from the fold
// and are armed again from it after a restart. May run at every gateway: a second sweep decides to nothing.

import type { Command } from "@hydrascale/core/domain/directory/commands";
import type { Node } from "@hydrascale/core/domain/directory/state";
import type { LiveNode } from "@hydrascale/core/domain/live/state";
import type { Millis, NodeId } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import { Heap } from "@hydrascale/core/lib/heap";
import type { RowChange } from "@hydrascale/core/lib/table";
import type { Replica } from "../replica.ts";

/** Deadlines are of the wall clock, which may jump, or go on while the machine sleeps and its timers do not. */
const lookAgainMs = 30_000;
const retryMs = 5_000;
const maxStale = 1_024;

export interface DeadlinesOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  /** Asks for a command as the system; failures are tried again at the next look. */
  readonly command: (command: Command) => Promise<boolean>;
  /** Absent nodes are not counted as absent before this time: while no gateway served, nobody could come back. */
  readonly servingSince: () => Millis;
  /** Resolves once what other gateways appended is folded here; false when the logs cannot be read. */
  readonly caughtUp: () => Promise<boolean>;
  /** A stream of the node is open here, whether or not the log says so yet. */
  readonly isHere: (node: NodeId) => boolean;
}

interface Due {
  readonly node: NodeId;
  readonly what: "expiry" | "ephemeral";
}

export class Deadlines {
  private readonly options: DeadlinesOptions;
  private heap = new Heap<Due>();
  /** The one entry per node and kind that counts; others in the heap are stale and skipped. */
  private readonly armed = { expiry: new Map<NodeId, Millis>(), ephemeral: new Map<NodeId, Millis>() };
  private cancelTimer: (() => void) | undefined;
  private armedFor = Number.POSITIVE_INFINITY;
  private readonly stopListening: () => void;
  private stopped = false;

  constructor(options: DeadlinesOptions) {
    this.options = options;
    this.stopListening = options.replica.listen({ changes: (changes) => this.follow(changes) });
    for (const node of options.replica.fold.directory.nodes.values()) this.look(node.id);
  }

  stop(): void {
    this.stopped = true;
    this.stopListening();
    this.cancelTimer?.();
  }

  private follow(changes: readonly RowChange[]): void {
    for (const change of changes) {
      if (change.after === undefined) {
        if (change.table === "nodes") this.forget(change.id as NodeId); // rows of table nodes
        continue;
      }
      if (change.table === "nodes") this.look((change.after as Node).id);
      else if (change.table === "live") this.lookIfEphemeral((change.after as LiveNode).id);
      else if (change.table === "settings")
        for (const id of this.options.replica.fold.directory.index.ephemeralNodes()) this.look(id);
    }
  }

  private lookIfEphemeral(id: NodeId): void {
    if (this.options.replica.fold.directory.nodes.get(id)?.ephemeral === true) this.look(id);
  }

  /** Pushes the node's next deadlines. Stale entries are harmless: each is checked again when it comes up. */
  private look(id: NodeId): void {
    const node = this.options.replica.fold.directory.nodes.get(id);
    if (node === undefined) return;
    // One that is past by this clock is told at once: the netmap may have looked a moment before.
    if (node.expiry !== null) this.push(node.expiry, { node: id, what: "expiry" });
    const goneAt = this.goneAt(node);
    if (goneAt !== undefined) this.push(goneAt, { node: id, what: "ephemeral" });
  }

  /** When an ephemeral node that is away now counts as gone; undefined while it is here or when it is not ephemeral. */
  private goneAt(node: Node): Millis | undefined {
    if (!node.ephemeral) return undefined;
    const { fold } = this.options.replica;
    const live = fold.live.live.get(node.id);
    if (live?.online === true) return undefined;
    const timeout = fold.directory.settings.get("settings")?.settings.ephemeralTimeout;
    if (timeout === undefined) return undefined;
    const awaySince = Math.max(live?.lastSeen ?? 0, node.authAt, this.options.servingSince());
    return awaySince + timeout;
  }

  private push(at: Millis, due: Due): void {
    if (this.armed[due.what].get(due.node) === at) return;
    this.armed[due.what].set(due.node, at);
    this.heap.push(at, due);
    if (this.heap.size > 2 * (this.armed.expiry.size + this.armed.ephemeral.size) + maxStale) this.clear();
    this.arm();
  }

  /** Drops the stale entries: a busy tailnet would collect them for as long as a key holds. */
  private clear(): void {
    this.heap = new Heap<Due>();
    for (const what of ["expiry", "ephemeral"] as const)
      for (const [node, at] of this.armed[what]) this.heap.push(at, { node, what });
  }

  private forget(id: NodeId): void {
    this.armed.expiry.delete(id);
    this.armed.ephemeral.delete(id);
  }

  private arm(): void {
    const next = this.heap.peekAt();
    if (this.stopped || next === undefined || next >= this.armedFor) return;
    this.cancelTimer?.();
    this.armedFor = next;
    const wait = Math.min(Math.max(next - this.options.clock.now(), 0), lookAgainMs);
    this.cancelTimer = this.options.clock.after(wait, () => {
      this.armedFor = Number.POSITIVE_INFINITY;
      this.run();
    });
  }

  private run(): void {
    const now = this.options.clock.now();
    for (let due = this.heap.popDue(now); due !== undefined; due = this.heap.popDue(now)) {
      const at = this.armed[due.what].get(due.node);
      if (at === undefined || at > now) continue;
      this.armed[due.what].delete(due.node);
      this.meet(due, now);
    }
    this.arm();
  }

  private meet(due: Due, now: Millis): void {
    const node = this.options.replica.fold.directory.nodes.get(due.node);
    if (node === undefined) return;
    if (due.what === "expiry") {
      if (node.expiry !== null && node.expiry <= now) this.options.replica.netmap.expire(node.id);
      return;
    }
    const goneAt = this.goneAt(node);
    if (goneAt === undefined) return;
    if (goneAt > now) return this.push(goneAt, due);
    void this.sweep(node, due);
  }

  private async sweep(node: Node, due: Due): Promise<void> {
    const done = (await this.options.caughtUp()) && (await this.sweepNow(node, due));
    if (!done && !this.stopped) this.push(this.options.clock.now() + retryMs, due);
  }

  /** On what all gateways know by now: it may have come back elsewhere, or be about to here. */
  private async sweepNow({ id, nodeKey }: Node, due: Due): Promise<boolean> {
    const { clock, command, isHere, replica } = this.options;
    const node = replica.fold.directory.nodes.get(id);
    const goneAt = node === undefined ? undefined : this.goneAt(node);
    if (goneAt === undefined) return true;
    if (isHere(id)) return false;
    if (goneAt <= clock.now()) return command({ kind: "SweepEphemeral", node: id, nodeKey });
    this.push(goneAt, due);
    return true;
  }
}
