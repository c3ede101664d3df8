// Users.

import { z } from "@hono/zod-openapi";
import { problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { User } from "@hydrascale/core/domain/directory/state";
import type { Decided } from "../../service.ts";
import { userId } from "../find.ts";
import { operation, otherCommand } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import type { ApiProblem } from "../problem.ts";
import { nothing, userShape } from "../schemas.ts";
import { viewUser } from "../views.ts";

const tag = "users";

/** The user that a decision named, as it is now. */
function decidedUser(call: Call, decided: Result<Decided, ApiProblem>): Result<object, ApiProblem> {
  if (!decided.ok) return decided;
  const { result } = decided.value;
  if (result.kind !== "user") return err(otherCommand);
  const user = call.directory.users.get(result.user);
  return user === undefined ? err(problem("not-found", "user: deleted since")) : ok({ user: viewUser(user) });
}

const createUser = operation({
  id: "createUser",
  method: "post",
  path: "/api/v1/user",
  tag,
  summary: "Make a user. A name is required.",
  body: z.object({
    name: z.string().default(""),
    displayName: z.string().optional(),
    email: z.string().optional(),
    pictureUrl: z.string().optional(),
  }),
  answer: z.object({ user: userShape }),
  async run({ body }, call) {
    if (body.name === "")
      return err(problem("invalid", "body.name: empty", "a user without a name cannot be addressed"));
    return decidedUser(
      call,
      await call.execute({
        kind: "CreateUser",
        name: body.name,
        ...(body.displayName ? { displayName: body.displayName } : {}),
        ...(body.email ? { email: body.email } : {}),
        ...(body.pictureUrl ? { profilePicUrl: body.pictureUrl } : {}),
      }),
    );
  },
});

const listUsers = operation({
  id: "listUsers",
  method: "get",
  path: "/api/v1/user",
  tag,
  summary: "List users, by ascending id. The first filter that is not empty counts.",
  query: z.object({ id: z.string().optional(), name: z.string().optional(), email: z.string().optional() }),
  answer: z.object({ users: z.array(userShape) }),
  async run({ query }, call) {
    let wanted: (user: User) => boolean = () => true;
    if (query.id !== undefined && query.id !== "" && query.id !== "0") {
      const id = userId(query.id);
      if (!id.ok) return id;
      wanted = (user) => user.id === id.value;
    } else if (query.name) wanted = (user) => user.name === query.name;
    else if (query.email) wanted = (user) => user.email === query.email;
    const users = [...call.directory.users.values()].filter(wanted).sort((a, b) => a.id - b.id);
    return ok({ users: users.map(viewUser) });
  },
});

const renameUser = operation({
  id: "renameUser",
  method: "post",
  path: "/api/v1/user/{oldId}/rename/{newName}",
  tag,
  summary: "Rename a user.",
  params: z.object({ oldId: z.string(), newName: z.string() }),
  answer: z.object({ user: userShape }),
  statuses: { forbidden: 400, precondition: 400 },
  async run({ params }, call) {
    const id = userId(params.oldId);
    if (!id.ok) return id;
    return decidedUser(
      call,
      await call.execute({ kind: "RenameUser", user: id.value, name: params.newName }),
    );
  },
});

const deleteUser = operation({
  id: "deleteUser",
  method: "delete",
  path: "/api/v1/user/{id}",
  tag,
  summary: "Delete a user who owns no nodes.",
  params: z.object({ id: z.string() }),
  answer: nothing,
  statuses: { conflict: 400, precondition: 400 },
  async run({ params }, call) {
    const id = userId(params.id);
    if (!id.ok) return id;
    const decided = await call.execute({ kind: "DeleteUser", user: id.value });
    return decided.ok ? ok({}) : decided;
  },
});

export const userOperations: readonly Operation[] = [createUser, listUsers, renameUser, deleteUser];
