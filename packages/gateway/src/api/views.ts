// Rows of the fold as the API shows them. Pure; secrets never come here, since rows hold none.

import type { ApiKey, DirectoryState, Node, PreAuthKey, User } from "@hydrascale/core/domain/directory/state";
import type { RegisterMethod } from "@hydrascale/core/domain/directory/events";
import type { Millis, UserId } from "@hydrascale/core/domain/ids";
import type { LiveState } from "@hydrascale/core/domain/live/state";
import { formatTime, zeroTime } from "./input.ts";
import { taggedDevices } from "@hydrascale/core/wire/tailcfg/user";
import type { ApiKeyJson, NodeJson, PreAuthKeyJson, UserJson } from "./schemas.ts";

export interface Rows {
  readonly directory: DirectoryState;
  readonly live: LiveState;
}

/** Which routes a node view calls `subnetRoutes`; clients know three habits of three operations. */
export type SubnetRoutes = "none" | "primary" | "served";

/** In lists, tagged nodes hang below this user, which does not exist. */
const taggedUser: UserJson = {
  id: String(taggedDevices.ID),
  name: taggedDevices.LoginName,
  createdAt: zeroTime,
  displayName: taggedDevices.DisplayName,
  email: "",
  providerId: "",
  provider: "",
  profilePicUrl: "",
};

const methods = {
  "auth-key": "REGISTER_METHOD_AUTH_KEY",
  cli: "REGISTER_METHOD_CLI",
  oidc: "REGISTER_METHOD_OIDC",
} as const satisfies Record<RegisterMethod, NodeJson["registerMethod"]>;

const timeOrNull = (ms: Millis | null): string | null => (ms === null ? null : formatTime(ms));

/** A key with its secret left out; what precedes the stars is a prefix of the key itself. */
export const masked = (prefix: string): string => `${prefix}-***`;

export const isExit = (route: string): boolean => route === "0.0.0.0/0" || route === "::/0";

export const viewUser = (user: User): UserJson => ({
  id: String(user.id),
  name: user.name,
  createdAt: formatTime(user.createdAt),
  displayName: user.displayName,
  email: user.email,
  providerId: user.providerId,
  provider: user.provider,
  profilePicUrl: user.profilePicUrl,
});

const viewOwner = (directory: DirectoryState, user: UserId | null): UserJson | null => {
  const row = user === null ? undefined : directory.users.get(user);
  return row === undefined ? null : viewUser(row);
};

export const viewPreAuthKey = (
  directory: DirectoryState,
  key: PreAuthKey,
  token?: string,
): PreAuthKeyJson => ({
  user: viewOwner(directory, key.user),
  id: String(key.id),
  key: token ?? masked(key.prefix),
  reusable: key.reusable,
  ephemeral: key.ephemeral,
  used: key.used,
  expiration: key.expiry === null ? zeroTime : formatTime(key.expiry),
  createdAt: formatTime(key.createdAt),
  aclTags: [...key.tags],
});

export const viewApiKey = (rows: Rows, key: ApiKey): ApiKeyJson => ({
  id: String(key.id),
  prefix: masked(key.prefix),
  expiration: timeOrNull(key.expiry),
  createdAt: formatTime(key.createdAt),
  lastSeen: timeOrNull(rows.live.keyUse.get(key.id)?.lastSeen ?? null),
});

function subnetRoutes(node: Node, which: SubnetRoutes): string[] {
  if (which === "none") return [];
  const approved = new Set(node.approvedRoutes);
  return node.routes.filter((r) => approved.has(r) && (which === "served" || !isExit(r)));
}

export function viewNode(rows: Rows, node: Node, routes: SubnetRoutes, inList = false): NodeJson {
  const live = rows.live.live.get(node.id);
  const key = node.preAuthKey === null ? undefined : rows.directory.preAuthKeys.get(node.preAuthKey);
  return {
    id: String(node.id),
    machineKey: node.machineKey,
    nodeKey: node.nodeKey,
    discoKey: live?.discoKey ?? "",
    ipAddresses: [node.addresses.v4, node.addresses.v6].filter((a) => a !== undefined),
    name: node.host.Hostname ?? "",
    user: inList && node.tags.length > 0 ? taggedUser : viewOwner(rows.directory, node.user),
    lastSeen: timeOrNull(live?.lastSeen ?? null),
    expiry: timeOrNull(node.expiry),
    preAuthKey: key === undefined ? null : viewPreAuthKey(rows.directory, key),
    createdAt: formatTime(node.createdAt),
    registerMethod: methods[node.method],
    givenName: node.name,
    online: live?.online ?? false,
    approvedRoutes: [...node.approvedRoutes],
    availableRoutes: [...node.routes],
    subnetRoutes: subnetRoutes(node, routes),
    tags: [...node.tags],
  };
}
