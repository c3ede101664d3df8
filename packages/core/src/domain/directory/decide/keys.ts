// Pre-auth keys and API keys. Only hashes come in here. An expiry of null means never.

import type { ApiKeyId, PreAuthKeyId } from "../../ids.ts";
import { isExpired } from "../../expiry.ts";
import { isTag, sortedSet } from "../canonical.ts";
import { countersOf } from "../evolve/row.ts";
import { decided, policyMoved, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";
import { unknownUser } from "./users.ts";

export const preAuthKeyDeciders: Deciders<"CreatePreAuthKey" | "ExpirePreAuthKey" | "DeletePreAuthKey"> = {
  CreatePreAuthKey(state, command, ctx) {
    const { user, hash, prefix, reusable, ephemeral, expiry } = command;
    const tags = sortedSet(command.tags);
    if (user === null && tags.length === 0) {
      return refused("invalid", "pre-auth key: needs a user or at least one tag");
    }
    if (user !== null && !state.users.has(user)) return unknownUser(user);
    const malformed = tags.find((tag) => !isTag(tag));
    if (malformed !== undefined) return badTag(malformed);
    if (tags.length > 0) {
      const moved = policyMoved(state, ctx);
      if (moved !== undefined) return moved;
      const unknown = ctx.policy.version === 0 ? undefined : tags.find((tag) => !ctx.policy.tagExists(tag));
      if (unknown !== undefined) return unknownTag(unknown);
    }
    if (expiry !== null && expiry <= ctx.now)
      return refused("invalid", "pre-auth key: the expiry lies in the past");
    if (state.index.preAuthKeyByHash(hash) !== undefined) {
      return refused("conflict", "pre-auth key: there is one with this secret");
    }
    // The counter is a plain number until it becomes a key's id, here.
    const key = countersOf(state).nextPreAuthKey as PreAuthKeyId;
    return decided(
      [{ kind: "PreAuthKeyCreated", key, hash, prefix, user, tags, reusable, ephemeral, expiry }],
      {
        kind: "pre-auth-key",
        key,
      },
    );
  },
  ExpirePreAuthKey(state, { key }, ctx) {
    const row = state.preAuthKeys.get(key);
    if (row === undefined) return unknownKey("pre-auth key", key);
    if (isExpired(row, ctx.now)) return unchanged();
    return decided([{ kind: "PreAuthKeyExpired", key, expiry: ctx.now }]);
  },
  DeletePreAuthKey(state, { key }) {
    if (!state.preAuthKeys.has(key)) return unknownKey("pre-auth key", key);
    return decided([{ kind: "PreAuthKeyDeleted", key }]);
  },
};

export const apiKeyDeciders: Deciders<"CreateApiKey" | "ExpireApiKey" | "DeleteApiKey"> = {
  CreateApiKey(state, { hash, prefix, expiry }, ctx) {
    if (expiry !== null && expiry <= ctx.now)
      return refused("invalid", "api key: the expiry lies in the past");
    if (state.index.apiKeyByHash(hash) !== undefined) {
      return refused("conflict", "api key: there is one with this secret");
    }
    // The counter is a plain number until it becomes a key's id, here.
    const key = countersOf(state).nextApiKey as ApiKeyId;
    return decided([{ kind: "ApiKeyCreated", key, hash, prefix, expiry }], { kind: "api-key", key });
  },
  ExpireApiKey(state, { key }, ctx) {
    const row = state.apiKeys.get(key);
    if (row === undefined) return unknownKey("api key", key);
    if (isExpired(row, ctx.now)) return unchanged();
    return decided([{ kind: "ApiKeyExpired", key, expiry: ctx.now }]);
  },
  DeleteApiKey(state, { key }) {
    if (!state.apiKeys.has(key)) return unknownKey("api key", key);
    return decided([{ kind: "ApiKeyDeleted", key }]);
  },
};

export const badTag = (tag: string) =>
  refused(
    "invalid",
    `tag ${JSON.stringify(tag.slice(0, 64))}: not a tag`,
    "a tag is tag: and a letter, followed by letters, digits and -",
  );

export const unknownTag = (tag: string) =>
  refused("invalid", `tag ${tag}: the policy does not know it`, "add it to tagOwners in the policy");

const unknownKey = (what: string, key: number) =>
  refused("not-found", `${what} ${key}: there is no such key`);
