// The tailnet itself, its settings and policy, and how pending logins ended.

import type { EventMeta, Handlers } from "../evolve.ts";
import type { LoginId } from "../../ids.ts";
import type { DirectoryState, LoginOutcome } from "../state.ts";

type TailnetKind =
  | "TailnetCreated"
  | "SettingsChanged"
  | "PolicyUpdated"
  | "LoginCompleted"
  | "LoginApproved"
  | "LoginDenied";

export const tailnetHandlers: Handlers<TailnetKind> = {
  TailnetCreated(state, { name }, { at }) {
    state.tailnet.set("tailnet", { name, createdAt: at });
  },
  SettingsChanged(state, { settings, source, hash }) {
    state.settings.set("settings", { settings, source, hash });
  },
  PolicyUpdated(state, { text, source }, { at, seq }) {
    state.policy.set("policy", { text, source, updatedAt: at, version: seq });
  },
  LoginCompleted(state, { login, node }, meta) {
    settle(state, login, { kind: "completed", node }, meta);
  },
  LoginApproved(state, { login }, meta) {
    settle(state, login, { kind: "approved" }, meta);
  },
  LoginDenied(state, { login }, meta) {
    settle(state, login, { kind: "denied" }, meta);
  },
};

function settle(
  state: DirectoryState,
  id: LoginId,
  outcome: LoginOutcome["outcome"],
  { at }: EventMeta,
): void {
  state.logins.set(id, { id, at, outcome });
}
