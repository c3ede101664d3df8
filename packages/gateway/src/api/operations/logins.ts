// Interactive logins that wait for somebody to vouch for them: the operations with which an operator does.

import { z } from "@hono/zod-openapi";
import type { LoginId, MachineKey, NodeKey } from "@hydrascale/core/domain/ids";
import { problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { PendingLogin } from "../../login/pending.ts";
import { findUser, loginId } from "../find.ts";
import { formatTime, idLike, zeroTime } from "../input.ts";
import { operation } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import type { ApiProblem } from "../problem.ts";
import { nodeShape, nothing } from "../schemas.ts";
import type { NodeJson } from "../schemas.ts";
import { viewUser } from "../views.ts";
import { decidedNode } from "./nodes.ts";

const tag = "logins";

const noSuchLogin = problem(
  "not-found",
  "login: no such login waits here, it may have expired",
  "run `tailscale up` or `tailscale login` on the machine again and use the id of the new URL",
);

/** The login that `text` names, if it still waits. */
async function waiting(call: Call, text: string): Promise<Result<PendingLogin, ApiProblem>> {
  const id = loginId(text);
  if (!id.ok) return id;
  const login = await call.service.logins.get(id.value);
  const outcome = call.directory.logins.get(id.value)?.outcome;
  if (outcome !== undefined) {
    const what = outcome.kind === "completed" ? `completed as node ${outcome.node}` : outcome.kind;
    return err(problem("conflict", `login: already ${what}`));
  }
  return login === undefined ? err(noSuchLogin) : ok(login);
}

/** Approves or denies a login that waits; what that does to one that was settled is for the decision to say. */
async function settle(
  call: Call,
  kind: "ApproveLogin" | "DenyLogin",
  text: string,
): Promise<Result<object, ApiProblem>> {
  const id = loginId(text);
  if (!id.ok) return id;
  const settled = call.directory.logins.has(id.value);
  if (!settled && (await call.service.logins.get(id.value)) === undefined) return err(noSuchLogin);
  const decided = await call.execute({ kind, login: id.value });
  return decided.ok ? ok({}) : decided;
}

async function register(call: Call, userText: string, idText: string): Promise<Result<object, ApiProblem>> {
  if (call.firstAnswer !== undefined) return decidedNode(call, ok({ result: call.firstAnswer }));
  const login = await waiting(call, idText);
  if (!login.ok) return login;
  const user = findUser(call.directory, userText);
  if (!user.ok) return user;
  const { machineKey, nodeKey, oldNodeKey, facts, expiry, ephemeral, id } = login.value;
  const decided = await call.execute({
    kind: "RegisterNode",
    machineKey,
    nodeKey,
    oldNodeKey,
    expiry,
    ephemeral,
    host: facts.host,
    routes: facts.routes,
    requestTags: facts.requestTags,
    capver: facts.capver,
    auth: { kind: "user", user: user.value.id, login: id, method: "cli" },
  });
  return decidedNode(call, decided);
}

const registerNode = operation({
  id: "registerNode",
  method: "post",
  path: "/api/v1/node/register",
  tag,
  summary: "Complete a login that waits, for a user. Older form of authRegister.",
  query: z.object({ user: z.string().optional(), key: z.string().optional() }),
  body: z.object({ user: idLike.optional(), key: z.string().optional() }),
  answer: z.object({ node: nodeShape }),
  async run({ query, body }, call) {
    return register(call, query.user ?? body.user ?? "", query.key ?? body.key ?? "");
  },
});

const authRegister = operation({
  id: "authRegister",
  method: "post",
  path: "/api/v1/auth/register",
  tag,
  summary: "Complete a login that waits: its machine becomes a node of the user.",
  body: z.object({ user: idLike.default(""), authId: z.string().default("") }),
  answer: z.object({ node: nodeShape }),
  async run({ body }, call) {
    return register(call, body.user, body.authId);
  },
});

const authApprove = operation({
  id: "authApprove",
  method: "post",
  path: "/api/v1/auth/approve",
  tag,
  summary: "Approve a login that waits.",
  body: z.object({ authId: z.string().default("") }),
  answer: nothing,
  async run({ body }, call) {
    return settle(call, "ApproveLogin", body.authId);
  },
});

const authReject = operation({
  id: "authReject",
  method: "post",
  path: "/api/v1/auth/reject",
  tag,
  summary: "Deny a login that waits. Its client is told.",
  body: z.object({ authId: z.string().default("") }),
  answer: nothing,
  async run({ body }, call) {
    return settle(call, "DenyLogin", body.authId);
  },
});

const listLogins = operation({
  id: "listLogins",
  method: "get",
  path: "/api/v1/auth",
  tag: "hydrascale",
  summary: "Logins that wait, oldest first.",
  answer: z.object({
    logins: z.array(
      z.object({
        authId: z.string(),
        hostname: z.string(),
        os: z.string(),
        from: z.string(),
        createdAt: z.string(),
        machineKey: z.string(),
        ephemeral: z.boolean(),
        requestedTags: z.array(z.string()),
        routes: z.array(z.string()),
      }),
    ),
  }),
  async run(_, call) {
    const logins = await call.service.logins.list();
    return ok({
      logins: logins
        .filter((login) => !call.directory.logins.has(login.id))
        .map((login) => ({
          authId: login.id,
          hostname: login.facts.host.Hostname ?? "",
          os: login.facts.host.OS ?? "",
          from: login.from,
          createdAt: formatTime(login.createdAt),
          machineKey: login.machineKey,
          ephemeral: login.ephemeral,
          requestedTags: login.facts.requestTags,
          routes: login.facts.routes,
        })),
    });
  },
});

/** What the invented machine will look like once it is registered. */
const preview = (login: PendingLogin, user: NodeJson["user"]): NodeJson => ({
  id: "0",
  machineKey: login.machineKey,
  nodeKey: login.nodeKey,
  discoKey: "",
  ipAddresses: [],
  name: login.facts.host.Hostname ?? "",
  user,
  lastSeen: zeroTime,
  expiry: null,
  preAuthKey: null,
  createdAt: formatTime(login.createdAt),
  registerMethod: "REGISTER_METHOD_UNSPECIFIED",
  givenName: login.facts.host.Hostname ?? "",
  online: false,
  approvedRoutes: [],
  availableRoutes: [...login.facts.routes],
  subnetRoutes: [],
  tags: [],
});

/** A login as a client would have begun it, with keys that nobody holds. */
function inventLogin(call: Call, id: LoginId, name: string, routes: readonly string[]): PendingLogin {
  const key = (): string => Buffer.from(call.options.randomBytes(32)).toString("hex");
  return {
    id,
    // the brands' own forms
    machineKey: `mkey:${key()}` as MachineKey,
    nodeKey: `nodekey:${key()}` as NodeKey,
    oldNodeKey: null,
    facts: { host: { Hostname: name }, routes, requestTags: [], capver: 0 },
    expiry: null,
    ephemeral: false,
    from: "debug",
    createdAt: call.options.clock.now(),
  };
}

const debugCreateNode = operation({
  id: "debugCreateNode",
  method: "post",
  path: "/api/v1/debug/node",
  tag,
  summary:
    "For tests: begin a login for a machine that does not exist. It can then be registered under `key`.",
  body: z.object({
    user: idLike.default(""),
    key: z.string().default(""),
    name: z.string().max(255).default(""),
    routes: z.array(z.string().max(64)).max(256).default([]),
  }),
  answer: z.object({ node: nodeShape }),
  async run({ body }, call) {
    const id = loginId(body.key);
    if (!id.ok) return id;
    const user = findUser(call.directory, body.user);
    if (!user.ok) return user;
    const login = inventLogin(call, id.value, body.name, body.routes);
    const put = await call.options.putLogin(login);
    return put.ok ? ok({ node: preview(login, viewUser(user.value)) }) : put;
  },
});

export const loginOperations: readonly Operation[] = [
  registerNode,
  authRegister,
  authApprove,
  authReject,
  listLogins,
  debugCreateNode,
];
