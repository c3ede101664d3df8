// Facts about a tailnet's structure: users, keys, nodes, policy, settings. Whatever was chosen (ids, addresses,
// names, times) is in the event, so that folding needs no clock, no random number and no configuration.
// Kinds are append-only; a new meaning is a new kind; optional fields may be added.

import type { HostFacts } from "../host.ts";
import type { ApiKeyId, LoginId, MachineKey, Millis, NodeId, NodeKey, PreAuthKeyId, UserId } from "../ids.ts";
import type { Settings } from "./settings.ts";

export type RegisterMethod = "auth-key" | "cli" | "oidc";

export interface NodeAddresses {
  readonly v4?: string;
  readonly v6?: string;
}

export type DirectoryEvent =
  | { readonly kind: "TailnetCreated"; readonly name: string }
  | {
      readonly kind: "SettingsChanged";
      readonly source: string;
      readonly hash: string;
      readonly settings: Settings;
    }
  | {
      readonly kind: "UserCreated";
      readonly user: UserId;
      readonly name: string;
      readonly displayName: string;
      readonly email: string;
      readonly profilePicUrl: string;
      readonly provider: string;
      readonly providerId: string;
    }
  | { readonly kind: "UserRenamed"; readonly user: UserId; readonly name: string }
  | { readonly kind: "UserDeleted"; readonly user: UserId }
  | {
      readonly kind: "PreAuthKeyCreated";
      readonly key: PreAuthKeyId;
      /** SHA-256 of the whole key text, hex; or a foreign hash with its scheme in front (`bcrypt:`). */
      readonly hash: string;
      /** The display form's visible part, e.g. `hskey-auth-0123456789ab`. */
      readonly prefix: string;
      readonly user: UserId | null;
      readonly tags: readonly string[];
      readonly reusable: boolean;
      readonly ephemeral: boolean;
      readonly expiry: Millis | null;
    }
  | { readonly kind: "PreAuthKeyUsed"; readonly key: PreAuthKeyId; readonly node: NodeId }
  | { readonly kind: "PreAuthKeyExpired"; readonly key: PreAuthKeyId; readonly expiry: Millis }
  | { readonly kind: "PreAuthKeyDeleted"; readonly key: PreAuthKeyId }
  | {
      readonly kind: "ApiKeyCreated";
      readonly key: ApiKeyId;
      readonly hash: string;
      readonly prefix: string;
      readonly expiry: Millis | null;
    }
  | { readonly kind: "ApiKeyExpired"; readonly key: ApiKeyId; readonly expiry: Millis }
  | { readonly kind: "ApiKeyDeleted"; readonly key: ApiKeyId }
  | {
      readonly kind: "NodeRegistered";
      readonly node: NodeId;
      readonly machineKey: MachineKey;
      readonly nodeKey: NodeKey;
      /** null exactly when tags are not empty. */
      readonly user: UserId | null;
      readonly tags: readonly string[];
      readonly name: string; // the unique label
      readonly addresses: NodeAddresses;
      readonly expiry: Millis | null;
      readonly ephemeral: boolean;
      readonly method: RegisterMethod;
      readonly preAuthKey: PreAuthKeyId | null;
      readonly host: HostFacts;
      readonly routes: readonly string[]; // advertised, masked, sorted
      readonly requestTags: readonly string[];
      readonly capver: number;
    }
  | {
      /** The same node again under another (or the same) node key: rotation, re-login, expired and back. */
      readonly kind: "NodeReauthenticated";
      readonly node: NodeId;
      readonly nodeKey: NodeKey;
      readonly user: UserId | null;
      readonly tags: readonly string[];
      readonly name: string;
      readonly expiry: Millis | null;
      readonly ephemeral: boolean;
      readonly method: RegisterMethod;
      readonly preAuthKey: PreAuthKeyId | null;
      readonly host: HostFacts;
      readonly routes: readonly string[];
      readonly requestTags: readonly string[];
      readonly capver: number;
    }
  | {
      /** What the client says of itself changed. `name` is the label that follows from it (unchanged when an admin chose it). */
      readonly kind: "NodeHostChanged";
      readonly node: NodeId;
      readonly host: HostFacts;
      readonly name: string;
      readonly routes: readonly string[];
      readonly requestTags: readonly string[];
      readonly capver: number;
    }
  | { readonly kind: "NodeExpirySet"; readonly node: NodeId; readonly expiry: Millis | null }
  | { readonly kind: "NodeLoggedOut"; readonly node: NodeId; readonly expiry: Millis }
  | { readonly kind: "NodeRenamed"; readonly node: NodeId; readonly name: string }
  | { readonly kind: "NodeTagged"; readonly node: NodeId; readonly tags: readonly string[] }
  | { readonly kind: "NodeRoutesApproved"; readonly node: NodeId; readonly routes: readonly string[] }
  | { readonly kind: "NodeAddressesSet"; readonly node: NodeId; readonly addresses: NodeAddresses }
  | {
      readonly kind: "NodeDeleted";
      readonly node: NodeId;
      readonly reason: "admin" | "logout" | "ephemeral" | "user-deleted";
    }
  | { readonly kind: "LoginCompleted"; readonly login: LoginId; readonly node: NodeId }
  | { readonly kind: "LoginApproved"; readonly login: LoginId }
  | { readonly kind: "LoginDenied"; readonly login: LoginId }
  | { readonly kind: "PolicyUpdated"; readonly text: string; readonly source: "api" | "file" };

export type DirectoryEventKind = DirectoryEvent["kind"];
