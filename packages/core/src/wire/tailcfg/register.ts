// RegisterRequest and RegisterResponse (protocol 5.1, 5.2).

import type { NodeKey } from "../../domain/ids.ts";
import type { Hostinfo } from "./hostinfo.ts";
import type { Login, User } from "./user.ts";

export { parseRegisterRequest } from "./inbound.ts";

export interface RegisterRequest {
  readonly Version: number; // capability version; 0 when absent
  readonly NodeKey: NodeKey; // zero when absent: refuse
  readonly OldNodeKey: NodeKey; // zero = none
  /** Tailnet-lock public key; "" when absent. */
  readonly NLKey: string;
  readonly Auth?: { readonly AuthKey: string };
  /** zeroTime = not said; in the past = logout. A valid time: see goTimeMillis. */
  readonly Expiry: string;
  readonly Followup: string; // "" = none, else the AuthURL given before
  readonly Hostinfo?: Hostinfo;
  readonly Ephemeral: boolean;
  readonly NodeKeySignature?: string;
  readonly Tailnet: string; // "" = none
}

/** Read by the client in the order Error, NodeKeySignature, NodeKeyExpired, then the rest. */
export interface RegisterResponse {
  readonly User?: User;
  readonly Login?: Login;
  readonly NodeKeyExpired?: boolean; // "make a new node key and come again"
  readonly MachineAuthorized?: boolean;
  readonly AuthURL?: string; // not empty = interactive login
  readonly NodeKeySignature?: string;
  readonly Error?: string; // shown to the user as it stands
}
