// A login that waits for somebody to vouch for it: what the client said when it began.

import type { ClientFacts } from "@hydrascale/core/domain/directory/commands";
import type { LoginId, MachineKey, Millis, NodeKey } from "@hydrascale/core/domain/ids";

export interface PendingLogin {
  readonly id: LoginId;
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly oldNodeKey: NodeKey | null;
  readonly facts: ClientFacts;
  readonly expiry: Millis | null;
  readonly ephemeral: boolean;
  /** Address the request came from, for limits and for the page that asks an operator. */
  readonly from: string;
  readonly createdAt: Millis;
}
