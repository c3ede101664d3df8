// The fold of EVT for one tailnet: tables of immutable rows plus look-ups that follow from them.

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
import type { CommandResult } from "./commands.ts";
import type { NodeAddresses, RegisterMethod } from "./events.ts";
import type { Settings } from "./settings.ts";
import type { JournalSlot, Table } from "../../lib/table.ts";

export interface User {
  readonly id: UserId;
  readonly name: string;
  readonly displayName: string;
  readonly email: string;
  readonly provider: string;
  readonly providerId: string;
  readonly profilePicUrl: string;
  readonly createdAt: Millis;
}

export interface PreAuthKey {
  readonly id: PreAuthKeyId;
  readonly hash: string;
  readonly prefix: string;
  readonly user: UserId | null;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly used: boolean;
  readonly expiry: Millis | null;
  readonly createdAt: Millis;
}

export interface ApiKey {
  readonly id: ApiKeyId;
  readonly hash: string;
  readonly prefix: string;
  readonly expiry: Millis | null;
  readonly createdAt: Millis;
}

/** One device as the directory knows it. Tagged nodes have no user and do not expire. */
export interface Node {
  readonly id: NodeId;
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly user: UserId | null;
  readonly tags: readonly string[];
  /** Unique label within the tailnet. */
  readonly name: string;
  /** An administrator chose `name`; a client's hostname no longer changes it. */
  readonly nameChosen: boolean;
  readonly addresses: NodeAddresses;
  readonly expiry: Millis | null;
  readonly ephemeral: boolean;
  readonly method: RegisterMethod;
  readonly preAuthKey: PreAuthKeyId | null;
  readonly host: HostFacts;
  /** Advertised, whether approved or not. */
  readonly routes: readonly string[];
  readonly approvedRoutes: readonly string[];
  readonly requestTags: readonly string[];
  readonly capver: number;
  readonly createdAt: Millis;
  /** When the node last proved who it is (registration or re-login). */
  readonly authAt: Millis;
}

/** A deleted node as it was last, so that a client that was away can be told what became of it (protocol 17 on 5.7). */
export interface Departed {
  readonly node: Node;
  readonly at: Millis;
}

export interface LoginOutcome {
  readonly id: LoginId;
  readonly at: Millis;
  readonly outcome:
    | { readonly kind: "completed"; readonly node: NodeId }
    | { readonly kind: "approved" }
    | { readonly kind: "denied" };
}

export interface Policy {
  readonly text: string;
  readonly source: "api" | "file";
  readonly updatedAt: Millis;
  /** Sequence of the message that stored it; what `ifMatch` compares. */
  readonly version: number;
}

/** A recent command and its answer; kept 24 h or 20,000. */
export interface Recent {
  readonly id: CommandId;
  readonly by: string; // principalText()
  readonly at: Millis;
  readonly result: CommandResult;
  /** Place of the decision within its message. */
  readonly n: number;
  /** The login that the decision settled; its outcome is kept as long as this row. */
  readonly login?: LoginId;
}

/** Singletons, under fixed ids in table `settings`. */
export interface TailnetRow {
  readonly name: string;
  readonly createdAt: Millis;
}

/** Counters and positions that decisions need and no other row holds; one row, id "counters". */
export interface Counters {
  readonly nextNode: number;
  readonly nextUser: number;
  readonly nextPreAuthKey: number;
  readonly nextApiKey: number;
  /** Time of the newest decision: the fold's only clock. */
  readonly lastAt: Millis;
  /** Address given out last, per family: sequential allocation goes on behind it. */
  readonly lastV4?: string;
  readonly lastV6?: string;
}

/** What SettingsChanged carried last, by whom. */
export interface SettingsRow {
  readonly settings: Settings;
  readonly source: string;
  readonly hash: string;
}

export interface DirectoryState {
  readonly slot: JournalSlot;
  readonly tailnet: Table<"tailnet", TailnetRow>;
  readonly settings: Table<"settings", SettingsRow>;
  readonly policy: Table<"policy", Policy>;
  readonly counters: Table<"counters", Counters>;
  readonly users: Table<UserId, User>;
  readonly preAuthKeys: Table<PreAuthKeyId, PreAuthKey>;
  readonly apiKeys: Table<ApiKeyId, ApiKey>;
  readonly nodes: Table<NodeId, Node>;
  /** By last node key; the newest 1,000 deletions. An entry goes when its key registers again. */
  readonly departed: Table<NodeKey, Departed>;
  readonly logins: Table<LoginId, LoginOutcome>;
  readonly recent: Table<CommandId, Recent>;
  readonly index: DirectoryIndex;
}

/** Look-ups that follow from the tables; kept up by the same writes, rolled back with them, never stored. */
export interface DirectoryIndex {
  nodeByKey(key: NodeKey): NodeId | undefined;
  nodesByMachine(key: MachineKey): readonly NodeId[];
  nodeByName(label: string): NodeId | undefined;
  nodeByAddress(address: string): NodeId | undefined;
  nodesByUser(user: UserId): readonly NodeId[];
  userByName(name: string): UserId | undefined;
  preAuthKeyByHash(hash: string): PreAuthKeyId | undefined;
  apiKeyByHash(hash: string): ApiKeyId | undefined;
  ephemeralNodes(): Iterable<NodeId>;
  /** Recent commands from the oldest on, in log order. */
  oldestRecent(): CommandId | undefined;
  /** Deleted nodes from the oldest on, in log order. */
  oldestDeparted(): NodeKey | undefined;
}
