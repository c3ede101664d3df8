// How pending logins end. Each ends once; whoever asks for the same end again gets the same answer.

import type { LoginId } from "../../ids.ts";
import type { DirectoryState } from "../state.ts";
import { decided, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";

/** A login that was settled cannot be settled otherwise. */
export function loginProblem(state: DirectoryState, login: LoginId) {
  const row = state.logins.get(login);
  return row === undefined
    ? undefined
    : refused("precondition", `login: was already ${row.outcome.kind}`, "begin a new login");
}

export const loginDeciders: Deciders<"ApproveLogin" | "DenyLogin"> = {
  ApproveLogin(state, { login }) {
    if (state.logins.get(login)?.outcome.kind === "approved") return unchanged();
    return loginProblem(state, login) ?? decided([{ kind: "LoginApproved", login }]);
  },
  DenyLogin(state, { login }) {
    if (state.logins.get(login)?.outcome.kind === "denied") return unchanged();
    return loginProblem(state, login) ?? decided([{ kind: "LoginDenied", login }]);
  },
};
