// What may be asked of a tailnet. A command holds no secrets: keys arrive as hashes.

import type { HostFacts } from "../host.ts";
import type {
  ApiKeyId,
  CommandId,
  LoginId,
  MachineKey,
  Millis,
  NodeId,
  NodeKey,
  PreAuthKeyId,
  UserId,
} from "../ids.ts";
import type { Principal } from "../message.ts";
import type { Settings } from "./settings.ts";

/** What a client says of itself at register and in map requests, already cut and bounded. */
export interface ClientFacts {
  readonly host: HostFacts;
  /** Advertised routes as sent; decide masks and sorts them. */
  readonly routes: readonly string[];
  readonly requestTags: readonly string[];
  readonly capver: number;
}

export interface RegisterNode extends ClientFacts {
  readonly kind: "RegisterNode";
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly oldNodeKey: NodeKey | null;
  /** What lets it in: a pre-auth key (by hash), or a user for whom an operator or identity provider vouched. */
  readonly auth:
    | { readonly kind: "pre-auth-key"; readonly hash: string }
    | {
        readonly kind: "user";
        readonly user: UserId;
        readonly login: LoginId;
        readonly method: "cli" | "oidc";
      };
  /** Asked for by the client; null = not said. */
  readonly expiry: Millis | null;
  readonly ephemeral: boolean;
}

export type Command =
  | { readonly kind: "CreateTailnet"; readonly name: string }
  | {
      readonly kind: "ChangeSettings";
      readonly source: string;
      readonly hash: string;
      readonly settings: Settings;
    }
  | {
      readonly kind: "CreateUser";
      readonly name: string;
      readonly displayName?: string;
      readonly email?: string;
      readonly profilePicUrl?: string;
      readonly provider?: string;
      readonly providerId?: string;
    }
  | { readonly kind: "RenameUser"; readonly user: UserId; readonly name: string }
  | { readonly kind: "DeleteUser"; readonly user: UserId }
  | {
      readonly kind: "CreatePreAuthKey";
      readonly hash: string;
      readonly prefix: string;
      readonly user: UserId | null;
      readonly tags: readonly string[];
      readonly reusable: boolean;
      readonly ephemeral: boolean;
      readonly expiry: Millis | null;
    }
  | { readonly kind: "ExpirePreAuthKey"; readonly key: PreAuthKeyId }
  | { readonly kind: "DeletePreAuthKey"; readonly key: PreAuthKeyId }
  | {
      readonly kind: "CreateApiKey";
      readonly hash: string;
      readonly prefix: string;
      readonly expiry: Millis | null;
    }
  | { readonly kind: "ExpireApiKey"; readonly key: ApiKeyId }
  | { readonly kind: "DeleteApiKey"; readonly key: ApiKeyId }
  | RegisterNode
  /** tailscaled restarted with the key it has: facts are refreshed, an earlier expiry shortens. */
  | ({
      readonly kind: "ResumeNode";
      readonly node: NodeId;
      readonly machineKey: MachineKey;
      readonly nodeKey: NodeKey;
      readonly expiry: Millis | null;
    } & ClientFacts)
  /** From a map request. Changes nothing when nothing differs. */
  | ({ readonly kind: "UpdateHost"; readonly node: NodeId; readonly nodeKey: NodeKey } & ClientFacts)
  | {
      readonly kind: "LogoutNode";
      readonly node: NodeId;
      readonly machineKey: MachineKey;
      readonly nodeKey: NodeKey;
    }
  | { readonly kind: "SetNodeExpiry"; readonly node: NodeId; readonly expiry: Millis | null }
  | { readonly kind: "RenameNode"; readonly node: NodeId; readonly name: string }
  /** `permitted`: tags that the compiled policy knows, worked out before decide on `policyVersion`, which decide checks again. */
  | { readonly kind: "TagNode"; readonly node: NodeId; readonly tags: readonly string[] }
  | { readonly kind: "ApproveRoutes"; readonly node: NodeId; readonly routes: readonly string[] }
  | { readonly kind: "DeleteNode"; readonly node: NodeId }
  /** Deletes the node only if it is ephemeral and its session is still the one that was seen to be over. */
  | { readonly kind: "SweepEphemeral"; readonly node: NodeId; readonly nodeKey: NodeKey }
  | { readonly kind: "BackfillAddresses" }
  | { readonly kind: "ApproveLogin"; readonly login: LoginId }
  | { readonly kind: "DenyLogin"; readonly login: LoginId }
  | {
      readonly kind: "SetPolicy";
      readonly text: string;
      readonly source: "api" | "file";
      readonly ifMatch: number | null;
    };

export type CommandKind = Command["kind"];

/** What a decided command answers; ids only, rows are read from the fold. Part of the log. */
export type CommandResult =
  | { readonly kind: "done" }
  | { readonly kind: "user"; readonly user: UserId }
  | { readonly kind: "pre-auth-key"; readonly key: PreAuthKeyId }
  | { readonly kind: "api-key"; readonly key: ApiKeyId }
  | { readonly kind: "node"; readonly node: NodeId }
  | { readonly kind: "changes"; readonly changes: readonly string[] };

/** What decide may use besides state and command: everything that is not a pure function of those. */
export interface DecideContext {
  readonly id: CommandId;
  readonly by: Principal;
  readonly now: Millis;
  /** Random bytes for random address allocation; deterministic in tests. */
  readonly random: (bytes: number) => Uint8Array;
  /** Who may own which tag, compiled from the policy at `policyVersion`; decide refuses with `precondition` when the policy moved. */
  readonly policy: PolicyFacts;
}

/** What decisions need of the compiled policy. */
export interface PolicyFacts {
  /** Policy.version that this was compiled from; 0 = no policy. */
  readonly version: number;
  tagExists(tag: string): boolean;
  /** May this user put this tag on a node of theirs? */
  mayTag(user: UserId, tag: string): boolean;
}
