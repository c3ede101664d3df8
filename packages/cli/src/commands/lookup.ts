// Users and nodes by what people call them. An id goes to the server as it is; a name is looked up first.

import { nearest } from "@hydrascale/core/config/nearest";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import type { Client, Json } from "../client.ts";
import { rows, text } from "./answers.ts";

const isId = (name: string): boolean => /^[1-9]\d{0,15}$/.test(name);

export async function findUser(client: Client, name: string): Promise<Result<Json, Problem>> {
  const answer = await client.get("/api/v1/user");
  if (!answer.ok) return answer;
  const users = rows(answer.value, "users");
  const found =
    users.find((user) => isId(name) && text(user, "id") === name) ??
    users.find((user) => text(user, "name") === name) ??
    users.find((user) => text(user, "email") !== "" && text(user, "email") === name);
  if (found !== undefined) return ok(found);
  const guess = nearest(
    name,
    users.map((user) => text(user, "name")),
  );
  const hint =
    guess === undefined ? "`hydrascale users list` shows those that exist" : `did you mean ${guess}?`;
  return err(problem("not-found", `user ${name}: does not exist`, hint));
}

export async function findNode(client: Client, name: string): Promise<Result<Json, Problem>> {
  const answer = await client.get("/api/v1/node");
  if (!answer.ok) return answer;
  const nodes = rows(answer.value, "nodes");
  const called = nodes.filter((node) =>
    isId(name) ? text(node, "id") === name : text(node, "givenName") === name.toLowerCase(),
  );
  const [found] = called;
  if (found !== undefined) return ok(found);
  const guess = nearest(
    name,
    nodes.map((node) => text(node, "givenName")),
  );
  const hint =
    guess === undefined ? "`hydrascale nodes list` shows those that exist" : `did you mean ${guess}?`;
  return err(problem("not-found", `node ${name}: does not exist`, hint));
}

/** The id for a path; asks the server only when a name was given. */
export async function nodeId(client: Client, name: string): Promise<Result<string, Problem>> {
  if (isId(name)) return ok(name);
  const node = await findNode(client, name);
  return node.ok ? ok(text(node.value, "id")) : node;
}

export async function userId(client: Client, name: string): Promise<Result<string, Problem>> {
  if (isId(name)) return ok(name);
  const user = await findUser(client, name);
  return user.ok ? ok(text(user.value, "id")) : user;
}
