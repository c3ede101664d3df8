// Users. A name is what a policy refers to (`kim@`, `kim.lee@corp.example`), so a name that no policy can mean is
// refused (reports S19).

import type { UserId } from "../../ids.ts";
import { countersOf } from "../evolve/row.ts";
import type { DirectoryState } from "../state.ts";
import { decided, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";

const maxName = 63;
const maxText = 1024;
const pattern = /^[a-z][a-z0-9._-]*[a-z0-9](?:@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)?$/i;
const rule =
  "a user name has 2 to 63 characters, begins with a letter, and holds letters, digits and . _ - " +
  "with at most one @ inside (name or name@domain)";

const nameProblem = (name: string): string | undefined =>
  name.length <= maxName && pattern.test(name) ? undefined : rule;

export const userDeciders: Deciders<"CreateUser" | "RenameUser" | "DeleteUser"> = {
  CreateUser(state, command) {
    const {
      name,
      displayName = "",
      email = "",
      profilePicUrl = "",
      provider = "",
      providerId = "",
    } = command;
    const bad = nameProblem(name);
    if (bad !== undefined) return refused("invalid", `user ${quoted(name)}: not a usable name`, bad);
    if (displayName.length > maxText || email.length > maxText || profilePicUrl.length > maxText) {
      return refused(
        "too-large",
        `user ${name}: display name, email and picture have at most ${maxText} characters`,
      );
    }
    if (state.index.userByName(name) !== undefined) return taken(name);
    // The counter is a plain number until it becomes somebody's id, here.
    const user = countersOf(state).nextUser as UserId;
    return decided(
      [{ kind: "UserCreated", user, name, displayName, email, profilePicUrl, provider, providerId }],
      { kind: "user", user },
    );
  },
  RenameUser(state, { user, name }) {
    const row = state.users.get(user);
    if (row === undefined) return unknownUser(user);
    if (row.name === name) return unchanged({ kind: "user", user });
    const bad = nameProblem(name);
    if (bad !== undefined) return refused("invalid", `user ${quoted(name)}: not a usable name`, bad);
    if ((state.index.userByName(name) ?? user) !== user) return taken(name);
    return decided([{ kind: "UserRenamed", user, name }], { kind: "user", user });
  },
  DeleteUser(state, { user }) {
    const row = state.users.get(user);
    if (row === undefined) return unknownUser(user);
    const nodes = state.index.nodesByUser(user).length;
    if (nodes > 0) {
      return refused(
        "precondition",
        `user ${row.name}: still has ${nodes} node(s)`,
        "delete the nodes first",
      );
    }
    const keys = keysOf(state, user);
    return decided([
      ...keys.map((key) => ({ kind: "PreAuthKeyDeleted", key }) as const),
      { kind: "UserDeleted", user },
    ]);
  },
};

export const unknownUser = (user: UserId) => refused("not-found", `user ${user}: there is no such user`);

const taken = (name: string) =>
  refused("conflict", `user ${name}: the name is taken (upper and lower case do not differ)`);

/** For a text that may be anything: bounded, printable. */
const quoted = (text: string): string => JSON.stringify(text.slice(0, maxName));

function keysOf(state: DirectoryState, user: UserId) {
  const keys = [];
  for (const key of state.preAuthKeys.values()) if (key.user === user) keys.push(key.id);
  return keys.sort((a, b) => a - b);
}
