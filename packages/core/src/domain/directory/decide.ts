// Decides one command against a state: the events that have to happen, or why not. Pure: time, randomness and what the
// policy allows come in by the context. Exact, because the log takes a decision only on the state it was decided on.

import type { Command, DecideContext } from "./commands.ts";
import { clientDeciders } from "./decide/client.ts";
import { apiKeyDeciders, preAuthKeyDeciders } from "./decide/keys.ts";
import { loginDeciders } from "./decide/login.ts";
import { nodeDeciders } from "./decide/nodes.ts";
import type { Decide, Deciders } from "./decide/outcome.ts";
import { registerDeciders } from "./decide/register.ts";
import { tailnetDeciders } from "./decide/tailnet.ts";
import { userDeciders } from "./decide/users.ts";
import type { DirectoryState } from "./state.ts";

const deciders = {
  ...tailnetDeciders,
  ...userDeciders,
  ...preAuthKeyDeciders,
  ...apiKeyDeciders,
  ...registerDeciders,
  ...clientDeciders,
  ...nodeDeciders,
  ...loginDeciders,
} satisfies Deciders;

export function decide(state: DirectoryState, command: Command, ctx: DecideContext): Decide {
  // The table pairs each kind with a decider of exactly that kind; TypeScript cannot follow a lookup by union.
  const run = deciders[command.kind] as (
    state: DirectoryState,
    command: Command,
    ctx: DecideContext,
  ) => Decide;
  return run(state, command, ctx);
}
