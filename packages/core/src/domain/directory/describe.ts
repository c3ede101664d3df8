// Says in a sentence what an event means, for the audit as people read it. Holds no secrets: hashes and policy texts
// are never part of a sentence. Names are those at the time, as far as the reader of the log has met them.

import type { NodeId, UserId } from "../ids.ts";
import type { Principal } from "../message.ts";
import type { DirectoryEvent, DirectoryEventKind, NodeAddresses } from "./events.ts";

/** What things are called; undefined when it is not known (any more). */
export interface Names {
  user(id: UserId): string | undefined;
  node(id: NodeId): string | undefined;
}

/** Names gathered while reading the log in order, so that things deleted since still have one. */
export class NamesOfLog implements Names {
  private readonly users = new Map<UserId, string>();
  private readonly nodes = new Map<NodeId, string>();

  user(id: UserId): string | undefined {
    return this.users.get(id);
  }

  node(id: NodeId): string | undefined {
    return this.nodes.get(id);
  }

  /** To be called with each event after it was described, so that a change of name is told with the old one. */
  learn(event: DirectoryEvent): void {
    if (event.kind === "UserCreated" || event.kind === "UserRenamed") this.users.set(event.user, event.name);
    if (
      event.kind === "NodeRegistered" ||
      event.kind === "NodeReauthenticated" ||
      event.kind === "NodeHostChanged" ||
      event.kind === "NodeRenamed"
    )
      this.nodes.set(event.node, event.name);
  }
}

type Sentences = {
  readonly [K in DirectoryEventKind]: (event: Extract<DirectoryEvent, { kind: K }>, names: Names) => string;
};

const at = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
const until = (expiry: number | null): string =>
  expiry === null ? "never expires" : `expires ${at(expiry)}`;
const list = (items: readonly string[]): string => (items.length === 0 ? "none" : items.join(", "));
const userText = (names: Names, id: UserId): string => `user ${names.user(id) ?? id}`;
const nodeText = (names: Names, id: NodeId, name = names.node(id)): string =>
  name === undefined ? `node ${id}` : `node ${name} (${id})`;
const addressText = (addresses: NodeAddresses): string =>
  list([addresses.v4, addresses.v6].filter((a) => a !== undefined));

const owner = (names: Names, user: UserId | null, tags: readonly string[]): string =>
  user === null || tags.length > 0 ? `with ${list(tags)}` : `for ${userText(names, user)}`;

const methodText = (event: { readonly method: string; readonly preAuthKey: number | null }): string => {
  if (event.preAuthKey !== null) return `by pre-auth key ${event.preAuthKey}`;
  return event.method === "oidc" ? "by its login page" : "by an operator";
};

const reasons = {
  admin: "by an operator",
  logout: "because it logged out",
  ephemeral: "because it is ephemeral and was away too long",
  "user-deleted": "with its user",
} as const;

const sentences: Sentences = {
  TailnetCreated: (e) => `tailnet ${e.name} was created`,
  SettingsChanged: (e) => `settings were changed from ${e.source}`,
  UserCreated: (e) =>
    `user ${e.name} (${e.user}) was created${e.provider === "" ? "" : ` from ${e.provider}`}`,
  UserRenamed: (e, names) => `${userText(names, e.user)} is now called ${e.name}`,
  UserDeleted: (e, names) => `${userText(names, e.user)} was deleted`,
  PreAuthKeyCreated: (e, names) =>
    `${e.reusable ? "reusable" : "single-use"}${e.ephemeral ? " ephemeral" : ""} pre-auth key ${e.key} (${e.prefix}) ` +
    `was created ${owner(names, e.user, e.tags)}, ${until(e.expiry)}`,
  PreAuthKeyUsed: (e, names) => `pre-auth key ${e.key} was used by ${nodeText(names, e.node)}`,
  PreAuthKeyExpired: (e) => `pre-auth key ${e.key} was made to expire at ${at(e.expiry)}`,
  PreAuthKeyDeleted: (e) => `pre-auth key ${e.key} was deleted`,
  ApiKeyCreated: (e) => `api key ${e.key} (${e.prefix}) was created, ${until(e.expiry)}`,
  ApiKeyExpired: (e) => `api key ${e.key} was made to expire at ${at(e.expiry)}`,
  ApiKeyDeleted: (e) => `api key ${e.key} was deleted`,
  NodeRegistered: (e, names) =>
    `${nodeText(names, e.node, e.name)} joined ${owner(names, e.user, e.tags)} ${methodText(e)}, ` +
    `addresses ${addressText(e.addresses)}, ${e.ephemeral ? "ephemeral, " : ""}${until(e.expiry)}`,
  NodeReauthenticated: (e, names) =>
    `${nodeText(names, e.node, e.name)} logged in again ${owner(names, e.user, e.tags)} ${methodText(e)}, ${until(e.expiry)}`,
  NodeHostChanged: (e, names) => {
    const renamed = names.node(e.node) !== undefined && names.node(e.node) !== e.name;
    return `${nodeText(names, e.node)} reported new host details${renamed ? ` and is now called ${e.name}` : ""}, advertises ${list(e.routes)}`;
  },
  NodeExpirySet: (e, names) => `key of ${nodeText(names, e.node)} now ${until(e.expiry)}`,
  NodeLoggedOut: (e, names) => `${nodeText(names, e.node)} logged out`,
  NodeRenamed: (e, names) => `${nodeText(names, e.node)} was renamed to ${e.name}`,
  NodeTagged: (e, names) => `${nodeText(names, e.node)} now has tags ${list(e.tags)}`,
  NodeRoutesApproved: (e, names) => `routes approved for ${nodeText(names, e.node)}: ${list(e.routes)}`,
  NodeAddressesSet: (e, names) => `${nodeText(names, e.node)} now has addresses ${addressText(e.addresses)}`,
  NodeDeleted: (e, names) => `${nodeText(names, e.node)} was deleted ${reasons[e.reason]}`,
  LoginCompleted: (e, names) => `login ${shortLogin(e.login)} was completed as ${nodeText(names, e.node)}`,
  LoginApproved: (e) => `login ${shortLogin(e.login)} was approved`,
  LoginDenied: (e) => `login ${shortLogin(e.login)} was denied`,
  PolicyUpdated: (e) =>
    `policy was replaced ${e.source === "file" ? "from its file" : "through the api"} (${e.text.length} characters)`,
};

/** A login's id lets whoever has it complete the login while it waits: enough of it to recognise, no more. */
const shortLogin = (id: string): string => `${id.slice(0, 22)}…`;

export const eventKinds: readonly string[] = Object.keys(sentences);

export function describeEvent(event: DirectoryEvent, names: Names): string {
  // the table holds for each kind a function that takes that kind
  const sentence = sentences[event.kind] as (event: DirectoryEvent, names: Names) => string;
  return sentence(event, names);
}

type Actors = { readonly [K in Principal["kind"]]: (by: Extract<Principal, { kind: K }>) => string };

const actors: Actors = {
  system: (by) => `hydrascale ${by.name}`,
  node: (by) => `client ${by.machineKey.slice(0, 13)}…`,
  "api-key": (by) => `api key ${by.prefix}`,
  local: (by) => `local ${by.name}`,
  nkey: (by) => `nkey ${by.publicKey.slice(0, 8)}…`,
};

/** Who did it. */
export function describePrincipal(by: Principal): string {
  // as above
  const actor = actors[by.kind] as (by: Principal) => string;
  return actor(by);
}
