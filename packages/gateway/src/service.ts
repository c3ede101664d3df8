// What the doors (control protocol, admin API, commands over NATS, web pages) may ask of one tailnet at this gateway.
// Doors never touch the log: they ask here, and read the fold.

import type { Command, CommandResult, PolicyFacts } from "@hydrascale/core/domain/directory/commands";
import type { DirectoryState } from "@hydrascale/core/domain/directory/state";
import type { CommandId, LoginId, Millis, NodeId, TailnetId } from "@hydrascale/core/domain/ids";
import type { LiveState } from "@hydrascale/core/domain/live/state";
import type { Decision, EvtMessage, Principal } from "@hydrascale/core/domain/message";
import type { Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import type { PendingLogin } from "./login/pending.ts";

export interface Decided {
  readonly result: CommandResult;
  /** Sequence of the message that holds the decision; 0 when nothing had to change. */
  readonly seq: number;
}

export interface ExecuteOptions {
  readonly by: Principal;
  /** For a repeatable command; a fresh one is made when absent. */
  readonly id?: CommandId;
  /** How long to try, default 12 s (longer than an election). */
  readonly deadlineMs?: number;
}

/** A key just made: `token` is shown once, the rest goes into the command. */
export interface MintedKey {
  readonly id: CommandId;
  readonly token: string;
  readonly hash: string;
  readonly prefix: string;
}

/** A message of EVT as the audit shows it. */
export interface HistoryEntry {
  readonly seq: number;
  readonly time: Millis;
  readonly message: EvtMessage;
  /** false: void, skipped by every fold. */
  readonly valid: boolean;
}

export interface TailnetService {
  readonly tid: TailnetId;
  /** The current fold. Read it synchronously after `barrier()`; never write. */
  readonly directory: DirectoryState;
  readonly live: LiveState;
  readonly policy: PolicyFacts;
  /**
   * Decides and appends; answers once the decision is folded as valid. A refusal was decided after a barrier.
   * Never throws for expected failures; `unavailable` means the outcome is unknown.
   */
  execute(command: Command, options: ExecuteOptions): Promise<Result<Decided, Problem>>;
  /** Resolves once the fold has everything the leader had when this was called. */
  barrier(): Promise<Result<void, Problem>>;
  /** Resolves once the fold has `seq`. */
  reached(seq: number): Promise<Result<void, Problem>>;
  /** Makes a key text that any gateway can make again from the same command id (design rule 11). */
  mint(kind: "auth" | "api", id?: CommandId): MintedKey;
  /** SHA-256 of a key text, hex, as stored. */
  hashKey(token: string): string;
  readonly logins: LoginService;
  /** The log from `from` on, oldest first, to its end as of the call. */
  history(from: number): AsyncIterable<HistoryEntry>;
  /** Calls back for every decision applied from now on; returns how to stop. */
  onDecision(listener: (seq: number, decision: Decision) => void): () => void;
  /** Asks a connected client for a sign of life over its stream; resolves with milliseconds, or a problem. */
  pingNode(node: NodeId): Promise<Result<number, Problem>>;
}

/** Pending interactive logins, in bucket `pending`; begun here, finished anywhere. */
export interface LoginService {
  get(id: LoginId): Promise<PendingLogin | undefined>;
  /** Pending logins, newest last. */
  list(): Promise<readonly PendingLogin[]>;
}
