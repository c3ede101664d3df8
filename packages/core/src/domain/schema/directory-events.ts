// One schema per kind of directory event.

import { z } from "zod";
import type { DirectoryEventKind } from "../directory/events.ts";
import { addresses, hostFacts, id, method, millis, orNull, policySource, settings, texts } from "./shapes.ts";

const expiry = orNull(millis);
const login = z.string();
const facts = { host: hostFacts, name: z.string(), routes: texts, requestTags: texts, capver: z.int() };
const admission = {
  node: id,
  nodeKey: z.string(),
  user: orNull(id),
  tags: texts,
  expiry,
  ephemeral: z.boolean(),
  method,
  preAuthKey: orNull(id),
  ...facts,
};

const schemas = {
  TailnetCreated: z.looseObject({ name: z.string() }),
  SettingsChanged: z.looseObject({ source: z.string(), hash: z.string(), settings }),
  UserCreated: z.looseObject({
    user: id,
    name: z.string(),
    displayName: z.string(),
    email: z.string(),
    profilePicUrl: z.string(),
    provider: z.string(),
    providerId: z.string(),
  }),
  UserRenamed: z.looseObject({ user: id, name: z.string() }),
  UserDeleted: z.looseObject({ user: id }),
  PreAuthKeyCreated: z.looseObject({
    key: id,
    hash: z.string(),
    prefix: z.string(),
    user: orNull(id),
    tags: texts,
    reusable: z.boolean(),
    ephemeral: z.boolean(),
    expiry,
  }),
  PreAuthKeyUsed: z.looseObject({ key: id, node: id }),
  PreAuthKeyExpired: z.looseObject({ key: id, expiry: millis }),
  PreAuthKeyDeleted: z.looseObject({ key: id }),
  ApiKeyCreated: z.looseObject({ key: id, hash: z.string(), prefix: z.string(), expiry }),
  ApiKeyExpired: z.looseObject({ key: id, expiry: millis }),
  ApiKeyDeleted: z.looseObject({ key: id }),
  NodeRegistered: z.looseObject({ ...admission, machineKey: z.string(), addresses }),
  NodeReauthenticated: z.looseObject(admission),
  NodeHostChanged: z.looseObject({ node: id, ...facts }),
  NodeExpirySet: z.looseObject({ node: id, expiry }),
  NodeLoggedOut: z.looseObject({ node: id, expiry: millis }),
  NodeRenamed: z.looseObject({ node: id, name: z.string() }),
  NodeTagged: z.looseObject({ node: id, tags: texts }),
  NodeRoutesApproved: z.looseObject({ node: id, routes: texts }),
  NodeAddressesSet: z.looseObject({ node: id, addresses }),
  NodeDeleted: z.looseObject({ node: id, reason: z.enum(["admin", "logout", "ephemeral", "user-deleted"]) }),
  LoginCompleted: z.looseObject({ login, node: id }),
  LoginApproved: z.looseObject({ login }),
  LoginDenied: z.looseObject({ login }),
  PolicyUpdated: z.looseObject({ text: z.string(), source: policySource }),
} satisfies Record<DirectoryEventKind, z.ZodType>;

export const directoryEvents: ReadonlyMap<string, z.ZodType> = new Map(Object.entries(schemas));
