// Which row a caller means. Clients name users by id or name, and keys by id, prefix, masked form or the key itself.

import type { ApiKey, DirectoryState, Node, PreAuthKey, User } from "@hydrascale/core/domain/directory/state";
import type { ApiKeyId, LoginId, NodeId, PreAuthKeyId, UserId } from "@hydrascale/core/domain/ids";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { TailnetService } from "../service.ts";
import { parseId } from "./input.ts";

/** The text as it may be repeated in a message: short, and on one line. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** An id out of a path or body, for commands that look the row up themselves. The brand is the caller's. */
const idOf = <Id extends number>(what: string, text: string): Result<Id, Problem> => {
  const id = parseId(text);
  return id === undefined
    ? err(problem("invalid", `${what} ${quoted(text)}: not an id`, "ids are whole numbers above 0"))
    : ok(id as Id);
};

export const userId = (text: string): Result<UserId, Problem> => idOf<UserId>("user", text);
export const nodeId = (text: string): Result<NodeId, Problem> => idOf<NodeId>("node", text);
export const preAuthKeyId = (text: string): Result<PreAuthKeyId, Problem> =>
  idOf<PreAuthKeyId>("pre-auth key", text);
export const apiKeyId = (text: string): Result<ApiKeyId, Problem> => idOf<ApiKeyId>("api key", text);

/** A user by id or name; the id counts first. */
export function findUser(directory: DirectoryState, text: string): Result<User, Problem> {
  const id = parseId(text);
  const named = directory.index.userByName(text);
  const user =
    (id === undefined ? undefined : directory.users.get(id as UserId)) ??
    (named === undefined ? undefined : directory.users.get(named));
  return user === undefined
    ? err(
        problem(
          "not-found",
          `user ${quoted(text)}: not found`,
          "`hydrascale users list` shows those that exist",
        ),
      )
    : ok(user);
}

export function findNode(directory: DirectoryState, text: string): Result<Node, Problem> {
  const id = nodeId(text);
  if (!id.ok) return id;
  const node = directory.nodes.get(id.value);
  return node === undefined ? err(problem("not-found", `node ${id.value}: not found`)) : ok(node);
}

/** `hskey-api-0123456789ab-***`, `hskey-api-0123456789ab` and `0123456789ab` are the same prefix. */
function visiblePart(kind: "api" | "auth", text: string): string {
  const bare = text.replace(/-?\*+$/, "");
  return /^[0-9A-Za-z]{12}$/.test(bare) ? `hskey-${kind}-${bare}` : bare;
}

function byPrefix<Row extends { readonly prefix: string }>(
  rows: Iterable<Row>,
  prefix: string,
): Row | undefined {
  for (const row of rows) if (row.prefix === prefix) return row;
  return undefined;
}

export function findApiKey(
  directory: DirectoryState,
  keys: Pick<TailnetService, "hashKey">,
  text: string,
): Result<ApiKey, Problem> {
  const whole = directory.index.apiKeyByHash(keys.hashKey(text));
  const key =
    (whole === undefined ? undefined : directory.apiKeys.get(whole)) ??
    byPrefix(directory.apiKeys.values(), visiblePart("api", text));
  return key === undefined ? err(problem("not-found", "api key: no key has this prefix")) : ok(key);
}

export function findPreAuthKey(
  directory: DirectoryState,
  keys: Pick<TailnetService, "hashKey">,
  text: string,
): Result<PreAuthKey, Problem> {
  const whole = directory.index.preAuthKeyByHash(keys.hashKey(text));
  const key =
    (whole === undefined ? undefined : directory.preAuthKeys.get(whole)) ??
    byPrefix(directory.preAuthKeys.values(), visiblePart("auth", text));
  return key === undefined ? err(problem("not-found", "pre-auth key: no such key")) : ok(key);
}

export function loginId(text: string): Result<LoginId, Problem> {
  if (/^hskey-authreq-[0-9a-f]{24,64}$/.test(text)) return ok(text as LoginId);
  return err(
    problem(
      "invalid",
      "auth id: not one",
      "it begins with hskey-authreq- and is the last part of the login URL",
    ),
  );
}
