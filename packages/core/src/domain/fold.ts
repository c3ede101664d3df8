// The fold of both logs for one tailnet (design rules 2 to 5). A message whose epoch or predecessor is not that of the
// last valid message of its subject is void: skipped alike by every fold. Messages count as a whole or not at all.

import { decodeAct, decodeEvt } from "./codec.ts";
import type { Decoded } from "./codec.ts";
import { forgetOldCommands, recordDecision } from "./directory/record.ts";
import type { DirectoryState } from "./directory/state.ts";
import { createDirectory } from "./directory/tables.ts";
import type { BootId, TailnetId } from "./ids.ts";
import { evolveLive } from "./live/evolve.ts";
import type { BootRow, LiveState } from "./live/state.ts";
import { createLive } from "./live/tables.ts";
import type { ActMessage, EvtMessage, Prev } from "./message.ts";
import { Journal } from "../lib/table.ts";
import type { JournalSlot, RowChange } from "../lib/table.ts";

/** `unknown-kind`: a newer version wrote it, and this fold stopped there. `opaque`: it had stopped before. */
export type VoidReason = "unparsable" | "unknown-kind" | "opaque" | "subject" | "epoch" | "prev" | "fenced";

export interface Voided {
  readonly valid: false;
  readonly reason: VoidReason;
  /** For people; holds no content of the message beyond names of fields and kinds. */
  readonly detail: string;
}

export type AppliedEvt =
  | { readonly valid: true; readonly message: EvtMessage; readonly changes: readonly RowChange[] }
  | Voided;
export type AppliedAct =
  | {
      readonly valid: true;
      readonly message: ActMessage;
      readonly changes: readonly RowChange[];
      /** For each event of the message: did it count? */
      readonly counted: readonly boolean[];
    }
  | Voided;

/** Where a fold stands in both logs: what it needs besides rows to go on. */
export interface FoldPosition {
  readonly epoch: string;
  readonly evt: Prev;
  readonly evtCursor: number;
  readonly evtSubjectSeq: number;
  readonly actCursor: number;
  readonly boots: readonly BootRow[];
}

const start: Prev = { seq: 0, id: "" };

export class TailnetFold {
  readonly tid: TailnetId;
  readonly epoch: string;
  readonly directory: DirectoryState = createDirectory();
  readonly live: LiveState = createLive();
  private lastValid: Prev = start;
  private readEvt = 0;
  private readAct = 0;
  private subjectSeq = 0;
  private stopped: string | undefined;

  constructor(tid: TailnetId, epoch: string) {
    this.tid = tid;
    this.epoch = epoch;
  }

  /** The last valid message on `evt.<tid>`: what the next one names as its predecessor. */
  get evt(): Prev {
    return this.lastValid;
  }

  /** Last sequence on `evt.<tid>`, void messages included: what the next append expects. */
  get evtSubjectSeq(): number {
    return this.subjectSeq;
  }

  /** Highest sequences handed in. */
  get evtCursor(): number {
    return this.readEvt;
  }

  get actCursor(): number {
    return this.readAct;
  }

  /** A newer version wrote a kind of event that this one does not know: nothing after it is folded here. */
  get opaque(): boolean {
    return this.stopped !== undefined;
  }

  /** Chain position on `act.<tid>.<boot>`. */
  actPosition(boot: BootId): Prev {
    return this.live.boots.get(boot)?.last ?? start;
  }

  position(): FoldPosition {
    return {
      epoch: this.epoch,
      evt: this.lastValid,
      evtCursor: this.readEvt,
      evtSubjectSeq: this.subjectSeq,
      actCursor: this.readAct,
      boots: [...this.live.boots.values()],
    };
  }

  /** Takes up a position of the same epoch; rows are loaded beside it (documents.ts). Only on an empty fold. */
  resume(position: FoldPosition): void {
    if (position.epoch !== this.epoch || this.readEvt > 0 || this.readAct > 0) {
      throw new Error("a fold resumes once, before its first message, within its epoch");
    }
    this.lastValid = position.evt;
    this.readEvt = position.evtCursor;
    this.subjectSeq = position.evtSubjectSeq;
    this.readAct = position.actCursor;
    this.live.slot.seq = position.actCursor;
    for (const boot of position.boots) this.live.boots.set(boot.id, boot);
  }

  applyEvt(record: { readonly seq: number; readonly data: Uint8Array }): AppliedEvt {
    this.readEvt = record.seq;
    this.subjectSeq = record.seq;
    const decoded = this.admit(decodeEvt(record.data), this.lastValid);
    if ("valid" in decoded) return decoded;
    const { message } = decoded;
    const { directory } = this;
    const changes = transact(directory.slot, record.seq, () => {
      message.decisions.forEach((decision, n) => recordDecision(directory, decision, record.seq, n));
      forgetOldCommands(directory);
    });
    this.lastValid = { seq: record.seq, id: message.id };
    return { valid: true, message, changes };
  }

  applyAct(record: {
    readonly seq: number;
    readonly subject: string;
    readonly data: Uint8Array;
  }): AppliedAct {
    this.readAct = record.seq;
    const prefix = `act.${this.tid}.`;
    if (!record.subject.startsWith(prefix)) return voided("subject", "not a subject of this tailnet");
    // A subject below the prefix ends in the boot id of the process it belongs to.
    const boot = record.subject.slice(prefix.length) as BootId;
    const row = this.live.boots.get(boot);
    if (row?.ended === true) return voided("fenced", `gateway process ${boot} was declared ended`);
    const decoded = this.admit(decodeAct(record.data), row?.last ?? start);
    if ("valid" in decoded) return decoded;
    const { message } = decoded;
    const { live } = this;
    const counted: boolean[] = [];
    const changes = transact(live.slot, record.seq, () => {
      live.boots.set(boot, { id: boot, last: { seq: record.seq, id: message.id }, ended: false });
      for (const event of message.events) counted.push(evolveLive(live, event, boot));
    });
    return { valid: true, message, changes, counted };
  }

  /** The rule of the chain. */
  private admit<M extends EvtMessage | ActMessage>(
    decoded: Decoded<M>,
    last: Prev,
  ): { readonly message: M } | Voided {
    if (this.stopped !== undefined) return voided("opaque", this.stopped);
    if (!decoded.ok) {
      if (decoded.reason === "unknown-kind") this.stopped = decoded.detail;
      return voided(decoded.reason, decoded.detail);
    }
    const { message } = decoded;
    if (message.epoch !== this.epoch) return voided("epoch", "the message belongs to another epoch");
    if (message.prev.seq !== last.seq || message.prev.id !== last.id) {
      return voided("prev", `names ${message.prev.seq} as its predecessor, which is ${last.seq}`);
    }
    return { message };
  }
}

const voided = (reason: VoidReason, detail: string): Voided => ({ valid: false, reason, detail });

/** Runs one message's changes; a bug in the middle leaves no half of it behind. */
function transact(slot: JournalSlot, seq: number, run: () => void): readonly RowChange[] {
  const journal = new Journal();
  slot.journal = journal;
  slot.seq = seq;
  try {
    run();
  } catch (error) {
    journal.rollback();
    throw error;
  } finally {
    slot.journal = undefined;
  }
  return journal.changes;
}
