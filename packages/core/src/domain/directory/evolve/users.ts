// Users.

import type { Handlers } from "../evolve.ts";
import { amend, raise } from "./row.ts";

export const userHandlers: Handlers<"UserCreated" | "UserRenamed" | "UserDeleted"> = {
  UserCreated(state, { user, ...rest }, { at }) {
    state.users.set(user, {
      id: user,
      name: rest.name,
      displayName: rest.displayName,
      email: rest.email,
      provider: rest.provider,
      providerId: rest.providerId,
      profilePicUrl: rest.profilePicUrl,
      createdAt: at,
    });
    raise(state, "nextUser", user);
  },
  UserRenamed(state, { user, name }) {
    amend(state.users, user, () => ({ name }));
  },
  UserDeleted(state, { user }) {
    state.users.delete(user);
  },
};
