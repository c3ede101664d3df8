// User and Login of a register answer (protocol 5.2): the client keeps its profile under what it reads here.

import type { DirectoryState, Node } from "@hydrascale/core/domain/directory/state";
import type { RegisterResponse } from "@hydrascale/core/wire/tailcfg/register";
import { goTime } from "@hydrascale/core/wire/tailcfg/time";

/** The owner of every tagged node, as headscale numbers it. */
export const taggedDevices = {
  id: 2147455555,
  loginName: "tagged-devices",
  displayName: "Tagged Devices",
} as const;

export function loginAnswer(directory: DirectoryState, node: Node): Pick<RegisterResponse, "User" | "Login"> {
  const user = node.user === null ? undefined : directory.users.get(node.user);
  if (user === undefined) {
    const { id, loginName, displayName } = taggedDevices;
    return {
      User: { ID: id, DisplayName: displayName },
      Login: { ID: id, Provider: "", LoginName: loginName, DisplayName: displayName, ProfilePicURL: "" },
    };
  }
  const loginName = user.email === "" ? user.name : user.email;
  const displayName = user.displayName === "" ? user.name : user.displayName;
  return {
    User: {
      ID: user.id,
      DisplayName: displayName,
      Created: goTime(user.createdAt),
      ...(user.profilePicUrl === "" ? {} : { ProfilePicURL: user.profilePicUrl }),
    },
    Login: {
      ID: user.id,
      Provider: user.provider,
      LoginName: loginName,
      DisplayName: displayName,
      ProfilePicURL: user.profilePicUrl,
    },
  };
}
