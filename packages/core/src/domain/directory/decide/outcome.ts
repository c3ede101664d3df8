// What deciding gives: the events and the answer, or what is wrong.

import { problem } from "../../../lib/errors.ts";
import type { ErrorCode, Problem } from "../../../lib/errors.ts";
import { err, ok } from "../../../lib/result.ts";
import type { Result } from "../../../lib/result.ts";
import type { Command, CommandKind, CommandResult, DecideContext } from "../commands.ts";
import type { DirectoryEvent } from "../events.ts";
import type { DirectoryState, Node } from "../state.ts";
import type { NodeId } from "../../ids.ts";

/** No events: nothing has to change. */
export interface Outcome {
  readonly events: readonly DirectoryEvent[];
  readonly result: CommandResult;
}

export type Decide = Result<Outcome, Problem>;
export type CommandOf<K extends CommandKind> = Extract<Command, { readonly kind: K }>;
export type Deciders<K extends CommandKind = CommandKind> = {
  readonly [P in K]: (state: DirectoryState, command: CommandOf<P>, ctx: DecideContext) => Decide;
};

const done: CommandResult = { kind: "done" };

export const decided = (events: readonly DirectoryEvent[], result: CommandResult = done): Decide =>
  ok({ events, result });

export const unchanged = (result: CommandResult = done): Decide => ok({ events: [], result });

export const refused = (code: ErrorCode, message: string, hint?: string): Result<never, Problem> =>
  err(problem(code, message, hint));

export const nodeOf = (state: DirectoryState, id: NodeId): Result<Node, Problem> => {
  const node = state.nodes.get(id);
  return node === undefined ? refused("not-found", `node ${id}: there is no such node`) : ok(node);
};

/** Facts of the policy count only for the policy that stands here. */
export function policyMoved(state: DirectoryState, ctx: DecideContext): Result<never, Problem> | undefined {
  const stands = state.policy.get("policy")?.version ?? 0;
  if (ctx.policy.version === stands) return undefined;
  return refused("precondition", "policy: changed while the request was being checked", "repeat the request");
}
