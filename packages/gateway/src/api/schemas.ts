// Shapes of the API's answers: camelCase, ids as decimal strings, every member always there.

import { z } from "@hono/zod-openapi";

const id = z.string().openapi({ description: "decimal id", example: "12" });
const time = z.string().openapi({ format: "date-time", example: "2026-01-02T03:04:05.000Z" });

export const userShape = z
  .object({
    id,
    name: z.string(),
    createdAt: time,
    displayName: z.string(),
    email: z.string(),
    providerId: z.string(),
    provider: z.string(),
    profilePicUrl: z.string(),
  })
  .openapi("User");

export const preAuthKeyShape = z
  .object({
    user: userShape.nullable(),
    id,
    key: z.string().openapi({ description: "the whole key when it is made, masked ever after" }),
    reusable: z.boolean(),
    ephemeral: z.boolean(),
    used: z.boolean(),
    expiration: time.openapi({ description: "0001-01-01T00:00:00Z: never" }),
    createdAt: time,
    aclTags: z.array(z.string()),
  })
  .openapi("PreAuthKey");

export const apiKeyShape = z
  .object({
    id,
    prefix: z.string().openapi({ description: "display form", example: "hskey-api-0123456789ab-***" }),
    expiration: time.nullable().openapi({ description: "null: never" }),
    createdAt: time,
    lastSeen: time.nullable().openapi({ description: "last use, to the minute" }),
  })
  .openapi("ApiKey");

export const nodeShape = z
  .object({
    id,
    machineKey: z.string(),
    nodeKey: z.string(),
    discoKey: z.string(),
    ipAddresses: z.array(z.string()),
    name: z.string().openapi({ description: "host name as the client reports it" }),
    user: userShape.nullable().openapi({ description: "null for a tagged node, except in lists" }),
    lastSeen: time.nullable(),
    expiry: time.nullable().openapi({ description: "null: never" }),
    preAuthKey: preAuthKeyShape.nullable(),
    createdAt: time,
    registerMethod: z.enum([
      "REGISTER_METHOD_UNSPECIFIED",
      "REGISTER_METHOD_AUTH_KEY",
      "REGISTER_METHOD_CLI",
      "REGISTER_METHOD_OIDC",
    ]),
    givenName: z.string().openapi({ description: "unique name in the tailnet" }),
    online: z.boolean(),
    approvedRoutes: z.array(z.string()),
    availableRoutes: z.array(z.string()).openapi({ description: "advertised, approved or not" }),
    subnetRoutes: z
      .array(z.string())
      .openapi({ description: "served; only lists and approve_routes fill it" }),
    tags: z.array(z.string()),
  })
  .openapi("Node");

export const nothing = z.object({});

export const problemShape = z
  .object({
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errors: z.array(z.object({ message: z.string(), location: z.string().optional() })),
    message: z.string().openapi({ description: "the same as detail" }),
    code: z.number().int().openapi({ description: "gRPC status number" }),
    details: z.array(z.unknown()),
    kind: z.string().openapi({ description: "code of the error table in docs/errors.md" }),
    hint: z.string().optional().openapi({ description: "what to do about it" }),
  })
  .openapi("Problem");

export type UserJson = z.infer<typeof userShape>;
export type PreAuthKeyJson = z.infer<typeof preAuthKeyShape>;
export type ApiKeyJson = z.infer<typeof apiKeyShape>;
export type NodeJson = z.infer<typeof nodeShape>;
