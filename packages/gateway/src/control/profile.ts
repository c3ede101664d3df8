// User and Login of a register answer (protocol 5.2): the client keeps its profile under what it reads here.

import type { DirectoryState, Node } from "@hydrascale/core/domain/directory/state";
import { userProfile } from "@hydrascale/core/netmap/profile";
import type { RegisterResponse } from "@hydrascale/core/wire/tailcfg/register";
import { goTime } from "@hydrascale/core/wire/tailcfg/time";
import { taggedDevices } from "@hydrascale/core/wire/tailcfg/user";

export function loginAnswer(directory: DirectoryState, node: Node): Pick<RegisterResponse, "User" | "Login"> {
  const user = node.user === null ? undefined : directory.users.get(node.user);
  const { ID, LoginName, DisplayName, ProfilePicURL } =
    user === undefined ? taggedDevices : userProfile(user);
  return {
    User: {
      ID,
      DisplayName,
      ...(user === undefined ? {} : { Created: goTime(user.createdAt) }),
      ...(ProfilePicURL === undefined ? {} : { ProfilePicURL }),
    },
    Login: { ID, Provider: user?.provider ?? "", LoginName, DisplayName, ProfilePicURL: ProfilePicURL ?? "" },
  };
}
