// API keys. One without an expiration never expires.

import { z } from "@hono/zod-openapi";
import type { ApiKeyId } from "@hydrascale/core/domain/ids";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { apiKeyId, findApiKey } from "../find.ts";
import { idLike, timeLike } from "../input.ts";
import { operation, otherCommand } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import { apiKeyShape, nothing } from "../schemas.ts";
import { viewApiKey } from "../views.ts";

const tag = "api keys";

const createApiKey = operation({
  id: "createApiKey",
  method: "post",
  path: "/api/v1/apikey",
  tag,
  summary: "Make an API key. This answer alone holds the whole key.",
  body: z.object({ expiration: timeLike.optional().openapi({ description: "absent: never" }) }),
  answer: z.object({ apiKey: z.string() }),
  async run({ body }, call) {
    const minted = call.service.mint("api", call.commandId);
    const decided = await call.execute(
      {
        kind: "CreateApiKey",
        hash: minted.hash,
        prefix: minted.prefix,
        expiry: body.expiration ?? null,
      },
      minted.id,
    );
    if (!decided.ok) return decided;
    return decided.value.result.kind === "api-key" ? ok({ apiKey: minted.token }) : err(otherCommand);
  },
});

const listApiKeys = operation({
  id: "listApiKeys",
  method: "get",
  path: "/api/v1/apikey",
  tag,
  summary: "List API keys, masked, by ascending id.",
  answer: z.object({ apiKeys: z.array(apiKeyShape) }),
  async run(_, call) {
    const keys = [...call.directory.apiKeys.values()].sort((a, b) => a.id - b.id);
    return ok({ apiKeys: keys.map((key) => viewApiKey(call.service, key)) });
  },
});

function named(call: Call, id: string | undefined, prefix: string | undefined): Result<ApiKeyId, Problem> {
  if (id) return apiKeyId(id);
  if (!prefix) return err(problem("invalid", "api key: an id or a prefix is required"));
  const key = findApiKey(call.directory, call.service, prefix);
  return key.ok ? ok(key.value.id) : key;
}

const expireApiKey = operation({
  id: "expireApiKey",
  method: "post",
  path: "/api/v1/apikey/expire",
  tag,
  summary: "Let an API key end now. Exactly one of prefix and id.",
  body: z.object({ prefix: z.string().optional(), id: idLike.optional() }),
  answer: nothing,
  async run({ body }, call) {
    // generated clients send zero values for what was not set
    const id = body.id === "0" ? "" : body.id;
    if (id && body.prefix) return err(problem("invalid", "body: give an id or a prefix, not both"));
    const key = named(call, id, body.prefix);
    if (!key.ok) return key;
    const decided = await call.execute({ kind: "ExpireApiKey", key: key.value });
    return decided.ok ? ok({}) : decided;
  },
});

const deleteApiKey = operation({
  id: "deleteApiKey",
  method: "delete",
  path: "/api/v1/apikey/{prefix}",
  tag,
  summary: "Delete an API key by its prefix (the masked form will do), or by id.",
  params: z.object({ prefix: z.string() }),
  query: z.object({ id: z.string().optional() }),
  answer: nothing,
  async run({ params, query }, call) {
    const key = named(call, query.id === "0" ? "" : query.id, params.prefix);
    if (!key.ok) return call.firstAnswer === undefined ? key : ok({});
    const decided = await call.execute({ kind: "DeleteApiKey", key: key.value });
    return decided.ok ? ok({}) : decided;
  },
});

export const apiKeyOperations: readonly Operation[] = [createApiKey, listApiKeys, expireApiKey, deleteApiKey];
