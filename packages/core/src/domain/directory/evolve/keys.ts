// Pre-auth keys and API keys.

import type { Handlers } from "../evolve.ts";
import { amend, raise } from "./row.ts";

type KeyKind =
  | "PreAuthKeyCreated"
  | "PreAuthKeyUsed"
  | "PreAuthKeyExpired"
  | "PreAuthKeyDeleted"
  | "ApiKeyCreated"
  | "ApiKeyExpired"
  | "ApiKeyDeleted";

export const keyHandlers: Handlers<KeyKind> = {
  PreAuthKeyCreated(state, event, { at }) {
    state.preAuthKeys.set(event.key, {
      id: event.key,
      hash: event.hash,
      prefix: event.prefix,
      user: event.user,
      tags: event.tags,
      reusable: event.reusable,
      ephemeral: event.ephemeral,
      used: false,
      expiry: event.expiry,
      createdAt: at,
    });
    raise(state, "nextPreAuthKey", event.key);
  },
  PreAuthKeyUsed(state, { key }) {
    amend(state.preAuthKeys, key, () => ({ used: true }));
  },
  PreAuthKeyExpired(state, { key, expiry }) {
    amend(state.preAuthKeys, key, () => ({ expiry }));
  },
  PreAuthKeyDeleted(state, { key }) {
    state.preAuthKeys.delete(key);
  },
  ApiKeyCreated(state, event, { at }) {
    state.apiKeys.set(event.key, {
      id: event.key,
      hash: event.hash,
      prefix: event.prefix,
      expiry: event.expiry,
      createdAt: at,
    });
    raise(state, "nextApiKey", event.key);
  },
  ApiKeyExpired(state, { key, expiry }) {
    amend(state.apiKeys, key, () => ({ expiry }));
  },
  ApiKeyDeleted(state, { key }) {
    state.apiKeys.delete(key);
  },
};
