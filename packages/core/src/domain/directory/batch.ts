// Group commit: decides several commands in order on the live state, each seeing the effects of those before it, and
// takes everything back. What is to be appended comes out as decisions of one message.

import { principalText } from "../codec.ts";
import type { TailnetFold } from "../fold.ts";
import type { Decision } from "../message.ts";
import { problem } from "../../lib/errors.ts";
import type { Problem } from "../../lib/errors.ts";
import { Journal } from "../../lib/table.ts";
import type { Command, CommandResult, DecideContext } from "./commands.ts";
import { decide } from "./decide.ts";
import { recordDecision } from "./record.ts";
import type { DirectoryState } from "./state.ts";

export interface BatchItem {
  readonly command: Command;
  readonly ctx: DecideContext;
}

export type BatchOutcome =
  /** Holds once the message with `decisions[decision]` is folded as valid. */
  | { readonly kind: "decided"; readonly result: CommandResult; readonly decision: number }
  /** Decided by the message `seq` before. */
  | { readonly kind: "repeat"; readonly result: CommandResult; readonly seq: number }
  | { readonly kind: "unchanged"; readonly result: CommandResult }
  | { readonly kind: "refused"; readonly problem: Problem }
  /** Not looked at: the message is full, or the policy changes in it. To be given again once the message is folded. */
  | { readonly kind: "deferred" };

export interface Batch {
  readonly outcomes: readonly BatchOutcome[];
  readonly decisions: readonly Decision[];
}

export interface BatchLimits {
  readonly decisions: number;
  /** Bytes of all decisions together; one that is alone may be larger. */
  readonly bytes: number;
  /** Bytes of one decision: what a record of the log can hold, less the envelope. */
  readonly record: number;
}

export const batchLimits: BatchLimits = { decisions: 64, bytes: 256 * 1024, record: 3_900_000 };

/** Above every sequence, so that what is tried here is newer than anything folded. */
const scratchSeq = Number.MAX_SAFE_INTEGER;

export function decideBatch(
  fold: TailnetFold,
  items: readonly BatchItem[],
  limits: BatchLimits = batchLimits,
): Batch {
  const { slot } = fold.directory;
  const seq = slot.seq;
  const journal = new Journal();
  slot.journal = journal;
  slot.seq = scratchSeq;
  try {
    return runBatch(fold.directory, items, limits);
  } finally {
    journal.rollback();
    slot.journal = undefined;
    slot.seq = seq;
  }
}

function runBatch(state: DirectoryState, items: readonly BatchItem[], limits: BatchLimits): Batch {
  const outcomes: BatchOutcome[] = [];
  const decisions: Decision[] = [];
  let bytes = 0;
  let full = false;
  for (const item of items) {
    const earlier = full ? undefined : answered(state, item);
    if (full || earlier !== undefined) {
      outcomes.push(earlier ?? { kind: "deferred" });
      continue;
    }
    const made = decide(state, item.command, item.ctx);
    if (!made.ok) {
      outcomes.push({ kind: "refused", problem: made.error });
      continue;
    }
    const { events, result } = made.value;
    if (events.length === 0) {
      outcomes.push({ kind: "unchanged", result });
      continue;
    }
    const { id, by, now: at } = item.ctx;
    const decision: Decision = { id, by, at, events, result };
    const size = Buffer.byteLength(JSON.stringify(decision));
    if (size > limits.record) {
      outcomes.push({ kind: "refused", problem: tooLarge(item.command.kind, size, limits.record) });
      continue;
    }
    if (decisions.length > 0 && (decisions.length === limits.decisions || bytes + size > limits.bytes)) {
      full = true;
      outcomes.push({ kind: "deferred" });
      continue;
    }
    recordDecision(state, decision, scratchSeq, decisions.length);
    outcomes.push({ kind: "decided", result, decision: decisions.length });
    decisions.push(decision);
    bytes += size;
    // What the policy permits was worked out before; commands behind a new policy need new facts.
    full = events.some((event) => event.kind === "PolicyUpdated");
  }
  return { outcomes, decisions };
}

/** The first answer to a command that was decided before, here or in the log. */
function answered(state: DirectoryState, { ctx }: BatchItem): BatchOutcome | undefined {
  const row = state.recent.get(ctx.id);
  if (row === undefined) return undefined;
  if (row.by !== principalText(ctx.by)) {
    return {
      kind: "refused",
      problem: problem("conflict", "command id: was used by somebody else", "choose another id"),
    };
  }
  const seq = state.recent.seqOf(ctx.id);
  return seq === scratchSeq
    ? { kind: "decided", result: row.result, decision: row.n }
    : { kind: "repeat", result: row.result, seq };
}

const tooLarge = (kind: string, size: number, limit: number): Problem =>
  problem("too-large", `${kind}: the decision has ${size} bytes and a record of the log holds ${limit}`);
