// UserProfile of a user (protocol 8.4), by the number that nodes carry on the wire.

import type { DirectoryState, User } from "../domain/directory/state.ts";
import type { UserId } from "../domain/ids.ts";
import { taggedDevices } from "../wire/tailcfg/user.ts";
import type { UserProfile } from "../wire/tailcfg/user.ts";

const tagged = JSON.stringify(taggedDevices);
/** Rows are immutable, so a row's text never changes. */
const texts = new WeakMap<User, string>();

export function userProfile(user: User): UserProfile {
  return {
    ID: user.id,
    LoginName: user.email || user.name,
    DisplayName: user.displayName || user.name,
    ...(user.profilePicUrl === "" ? {} : { ProfilePicURL: user.profilePicUrl }),
  };
}

export function profileText(directory: DirectoryState, owner: number): string {
  if (owner === taggedDevices.ID) return tagged;
  const user = directory.users.get(owner as UserId); // every other owner number is a user id
  if (user === undefined)
    return JSON.stringify({ ID: owner, LoginName: `user-${owner}`, DisplayName: `user-${owner}` });
  let text = texts.get(user);
  if (text === undefined) {
    text = JSON.stringify(userProfile(user));
    texts.set(user, text);
  }
  return text;
}
