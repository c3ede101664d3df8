// Pre-auth keys. The token is made from the command id, so a repeated request is answered with the same one.

import { z } from "@hono/zod-openapi";
import type { PreAuthKeyId, UserId } from "@hydrascale/core/domain/ids";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { findPreAuthKey, findUser, preAuthKeyId } from "../find.ts";
import { idLike, parseId, timeLike } from "../input.ts";
import { operation, otherCommand } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import { nothing, preAuthKeyShape } from "../schemas.ts";
import { viewPreAuthKey } from "../views.ts";

const tag = "pre-auth keys";

/** Clients without a user send nothing, an empty string or zero. */
function ownerOf(call: Call, text: string | undefined): Result<UserId | null, Problem> {
  if (text === undefined || text === "" || text === "0") return ok(null);
  const user = findUser(call.directory, text);
  if (user.ok) return ok(user.value.id);
  return parseId(text) === undefined
    ? err(problem("invalid", `${user.error.message}, and it is no id`, user.error.hint))
    : user;
}

const createPreAuthKey = operation({
  id: "createPreAuthKey",
  method: "post",
  path: "/api/v1/preauthkey",
  tag,
  summary: "Make a key that lets nodes join, for a user or with tags. This answer alone holds the whole key.",
  body: z.object({
    user: idLike.optional(),
    reusable: z.boolean().default(false),
    ephemeral: z.boolean().default(false),
    expiration: timeLike.optional().openapi({ description: "absent or 0001-01-01T00:00:00Z: never" }),
    aclTags: z.array(z.string()).max(256).default([]),
  }),
  answer: z.object({ preAuthKey: preAuthKeyShape }),
  async run({ body }, call) {
    const user = ownerOf(call, body.user);
    if (!user.ok) return user;
    const badTag = body.aclTags.find((t) => !t.startsWith("tag:"));
    if (badTag !== undefined)
      return err(
        problem("invalid", `body.aclTags: ${JSON.stringify(badTag.slice(0, 80))} does not begin with tag:`),
      );
    if (user.value === null && body.aclTags.length === 0)
      return err(problem("invalid", "pre-auth key: needs a user or tags"));
    const minted = call.service.mint("auth", call.commandId);
    const decided = await call.execute(
      {
        kind: "CreatePreAuthKey",
        hash: minted.hash,
        prefix: minted.prefix,
        user: user.value,
        tags: body.aclTags,
        reusable: body.reusable,
        ephemeral: body.ephemeral,
        expiry: body.expiration ?? null,
      },
      minted.id,
    );
    if (!decided.ok) return decided;
    const { result } = decided.value;
    if (result.kind !== "pre-auth-key") return err(otherCommand);
    const row = call.directory.preAuthKeys.get(result.key);
    if (row === undefined) return err(problem("not-found", "pre-auth key: deleted since"));
    return ok({ preAuthKey: viewPreAuthKey(call.directory, row, minted.token) });
  },
});

const listPreAuthKeys = operation({
  id: "listPreAuthKeys",
  method: "get",
  path: "/api/v1/preauthkey",
  tag,
  summary: "List keys, masked, by ascending id.",
  query: z.object({ user: z.string().optional().openapi({ description: "id or name" }) }),
  answer: z.object({ preAuthKeys: z.array(preAuthKeyShape) }),
  async run({ query }, call) {
    const owner = query.user ? findUser(call.directory, query.user) : undefined;
    if (owner !== undefined && !owner.ok) return owner;
    const keys = [...call.directory.preAuthKeys.values()]
      .filter((key) => owner === undefined || key.user === owner.value.id)
      .sort((a, b) => a.id - b.id);
    return ok({ preAuthKeys: keys.map((key) => viewPreAuthKey(call.directory, key)) });
  },
});

/** By id, or in the older form by user and key, whole or masked. */
function named(
  call: Call,
  given: {
    readonly id?: string | undefined;
    readonly key?: string | undefined;
    readonly user?: string | undefined;
  },
): Result<PreAuthKeyId, Problem> {
  if (given.id) return preAuthKeyId(given.id);
  if (!given.key) return err(problem("invalid", "body: an id is required"));
  const key = findPreAuthKey(call.directory, call.service, given.key);
  if (!key.ok) return key;
  if (given.user) {
    const user = findUser(call.directory, given.user);
    if (!user.ok) return user;
    if (key.value.user !== user.value.id)
      return err(problem("not-found", `pre-auth key ${key.value.id}: not a key of user ${user.value.name}`));
  }
  return ok(key.value.id);
}

const expirePreAuthKey = operation({
  id: "expirePreAuthKey",
  method: "post",
  path: "/api/v1/preauthkey/expire",
  tag,
  summary: "Let a key end now. Nodes that joined with it stay.",
  body: z.object({
    id: idLike.optional(),
    user: idLike.optional().openapi({ description: "older form, with key" }),
    key: z.string().optional().openapi({ description: "older form: the key, whole or masked" }),
  }),
  answer: nothing,
  async run({ body }, call) {
    const key = named(call, body);
    if (!key.ok) return key;
    const decided = await call.execute({ kind: "ExpirePreAuthKey", key: key.value });
    return decided.ok ? ok({}) : decided;
  },
});

const deletePreAuthKey = operation({
  id: "deletePreAuthKey",
  method: "delete",
  path: "/api/v1/preauthkey",
  tag,
  summary: "Delete a key. Nodes that joined with it stay.",
  query: z.object({ id: z.string().optional() }),
  body: z.object({ id: idLike.optional() }),
  answer: nothing,
  async run({ query, body }, call) {
    const key = named(call, { id: query.id ?? body.id });
    if (!key.ok) return key;
    const decided = await call.execute({ kind: "DeletePreAuthKey", key: key.value });
    return decided.ok ? ok({}) : decided;
  },
});

export const preAuthKeyOperations: readonly Operation[] = [
  createPreAuthKey,
  listPreAuthKeys,
  expirePreAuthKey,
  deletePreAuthKey,
];
