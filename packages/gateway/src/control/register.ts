// POST /machine/register (protocol 5): the decision procedure of section 5.3, in its order. What a user should see goes
// into `Error` of a 200; a status other than 200 is seen by nobody.

import type { LoginId, MachineKey, NodeKey } from "@hydrascale/core/domain/ids";
import type { ClientFacts, Command } from "@hydrascale/core/domain/directory/commands";
import type { Node } from "@hydrascale/core/domain/directory/state";
import { isExpired } from "@hydrascale/core/domain/expiry";
import type { Principal } from "@hydrascale/core/domain/message";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Problem } from "@hydrascale/core/lib/errors";
import { isZeroKey } from "@hydrascale/core/wire/keys";
import { minCapver, minRelease } from "@hydrascale/core/wire/tailcfg/capability";
import { hostFacts } from "@hydrascale/core/wire/tailcfg/hostinfo";
import { parseRegisterRequest } from "@hydrascale/core/wire/tailcfg/register";
import type { RegisterRequest, RegisterResponse } from "@hydrascale/core/wire/tailcfg/register";
import { expiryPassed, goTimeMillis } from "@hydrascale/core/wire/tailcfg/time";
import type { Http2Request, Http2Response } from "../http2/port.ts";
import type { Logins } from "../login/logins.ts";
import { loginIdOf, loginUrl } from "../login/url.ts";
import type { TailnetService } from "../service.ts";
import { answerJson, answerText } from "./answer.ts";
import { loginAnswer } from "./profile.ts";
import { awaitLogin } from "./followup.ts";

export interface RegisterOptions {
  readonly service: TailnetService;
  readonly logins: Logins;
  readonly clock: Clock;
  readonly serverUrl: string;
}

/** One request, read and bounded. */
export interface Asked {
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly oldNodeKey: NodeKey | null;
  readonly facts: ClientFacts;
  readonly authKey: string;
  readonly followup: string;
  /** null: not said. */
  readonly expiry: number | null;
  readonly ephemeral: boolean;
  /** Where the connection comes from. */
  readonly from: string;
  readonly signal: AbortSignal;
}

type Answer = RegisterResponse | { readonly status: number; readonly text: string };

export async function handleRegister(
  options: RegisterOptions,
  machineKey: MachineKey,
  from: string,
  request: Http2Request,
  response: Http2Response,
): Promise<void> {
  const parsed = parseRegisterRequest(request.body);
  if (!parsed.ok) return answerText(response, 400, parsed.error.message);
  const body = parsed.value;
  if (body.Version < minCapver) {
    return answerJson(
      response,
      refusal(
        `client too old (capability version ${body.Version}): please upgrade to Tailscale ${minRelease} or later`,
      ),
    );
  }
  if (isZeroKey(body.NodeKey)) return answerJson(response, refusal("the node key is all zero"));
  const answer = await decide(options, read(body, machineKey, from, request.signal));
  if ("status" in answer) answerText(response, answer.status, answer.text);
  else answerJson(response, answer);
}

function read(body: RegisterRequest, machineKey: MachineKey, from: string, signal: AbortSignal): Asked {
  const { host, routes, requestTags } = hostFacts(body.Hostinfo ?? {});
  const oldNodeKey = isZeroKey(body.OldNodeKey) ? null : body.OldNodeKey;
  return {
    machineKey,
    nodeKey: body.NodeKey,
    oldNodeKey,
    facts: { host, routes, requestTags, capver: body.Version },
    authKey: body.Auth?.AuthKey ?? "",
    followup: body.Followup,
    expiry: goTimeMillis(body.Expiry),
    ephemeral: body.Ephemeral,
    from,
    signal,
  };
}

/** Protocol 5.3, in its order. */
async function decide(options: RegisterOptions, asked: Asked): Promise<Answer> {
  const now = options.clock.now();
  const node = await lookUp(options.service, asked.nodeKey);
  if (node === "unavailable") return { status: 503, text: "the server cannot reach its log: try again" };
  if (node !== undefined && node.machineKey !== asked.machineKey)
    return refusal("this node key belongs to another machine");
  if (expiryPassed(asked.expiry, now)) return logout(options, asked, node);
  if (asked.followup !== "") return followup(options, asked);
  // With a key it is decide that knows whether this is a restart (protocol 5.5): it sees the newest state.
  if (node !== undefined && !isExpired(node, now) && asked.authKey === "")
    return resume(options, asked, node);
  if (asked.authKey !== "") return withKey(options, asked);
  if (node !== undefined && isExpired(node, now))
    return { ...empty(), ...profileOf(options, node), NodeKeyExpired: true };
  return beginLogin(options, asked);
}

/** The node of a key, from a fold that is new enough to say that there is none. */
export async function lookUp(
  service: TailnetService,
  nodeKey: NodeKey,
): Promise<Node | undefined | "unavailable"> {
  const find = (): Node | undefined => {
    const id = service.directory.index.nodeByKey(nodeKey);
    return id === undefined ? undefined : service.directory.nodes.get(id);
  };
  const known = find();
  if (known !== undefined) return known;
  const barrier = await service.barrier();
  return barrier.ok ? find() : "unavailable";
}

async function logout(options: RegisterOptions, asked: Asked, node: Node | undefined): Promise<Answer> {
  if (node !== undefined) {
    const done = await options.service.execute(
      { kind: "LogoutNode", node: node.id, machineKey: asked.machineKey, nodeKey: asked.nodeKey },
      { by: principal(asked) },
    );
    if (!done.ok) return failed(done.error);
  }
  return { ...empty(), ...(node === undefined ? {} : profileOf(options, node)), NodeKeyExpired: true };
}

function resume(options: RegisterOptions, asked: Asked, node: Node): Promise<Answer> {
  const { machineKey, nodeKey, expiry, facts } = asked;
  return carryOut(options, asked, {
    kind: "ResumeNode",
    node: node.id,
    machineKey,
    nodeKey,
    expiry,
    ...facts,
  });
}

function withKey(options: RegisterOptions, asked: Asked): Promise<Answer> {
  const { machineKey, nodeKey, oldNodeKey, expiry, ephemeral, facts } = asked;
  const auth = { kind: "pre-auth-key", hash: options.service.hashKey(asked.authKey) } as const;
  const asks = { machineKey, nodeKey, oldNodeKey, auth, expiry, ephemeral };
  return carryOut(options, asked, { kind: "RegisterNode", ...asks, ...facts });
}

async function carryOut(options: RegisterOptions, asked: Asked, command: Command): Promise<Answer> {
  const done = await options.service.execute(command, { by: principal(asked) });
  return done.ok ? success(options, asked.nodeKey) : failed(done.error);
}

async function beginLogin(options: RegisterOptions, asked: Asked): Promise<Answer> {
  const begun = await options.logins.begin({
    machineKey: asked.machineKey,
    nodeKey: asked.nodeKey,
    oldNodeKey: asked.oldNodeKey,
    facts: asked.facts,
    expiry: asked.expiry,
    ephemeral: asked.ephemeral,
    from: asked.from,
    createdAt: options.clock.now(),
  });
  if (!begun.ok) return failed(begun.error);
  return { ...empty(), AuthURL: loginUrl(options.serverUrl, begun.value.id) };
}

/** Holds the answer until the login is decided (protocol 5.4). Bound to the machine and node key that began it. */
async function followup(options: RegisterOptions, asked: Asked): Promise<Answer> {
  const id: LoginId | undefined = loginIdOf(options.serverUrl, asked.followup);
  const pending = id === undefined ? undefined : await options.logins.get(id);
  const isTheirs =
    pending !== undefined && pending.machineKey === asked.machineKey && pending.nodeKey === asked.nodeKey;
  const outcome = await awaitLogin(options, asked, isTheirs ? pending : undefined, id);
  switch (outcome) {
    case "done":
      return success(options, asked.nodeKey);
    case "denied":
      return refusal("the login was denied");
    case "again":
      return beginLogin(options, asked);
    case "gone":
      return { status: 503, text: "the client is gone" };
  }
}

const principal = (asked: Asked): Principal => ({ kind: "node", machineKey: asked.machineKey });

const empty = (): RegisterResponse => ({
  User: emptyUser,
  Login: emptyLogin,
  NodeKeyExpired: false,
  MachineAuthorized: false,
  AuthURL: "",
});
const emptyUser = { ID: 0, DisplayName: "" };
const emptyLogin = { ID: 0, Provider: "", LoginName: "", DisplayName: "", ProfilePicURL: "" };

const refusal = (text: string): RegisterResponse => ({ ...empty(), Error: text });

/** Reasons that a user can act on are shown; trouble of ours is for the client to try again. */
function failed(error: Problem): Answer {
  if (error.code === "unavailable" || error.code === "internal") return { status: 503, text: error.message };
  return refusal(error.hint === undefined ? error.message : `${error.message} (${error.hint})`);
}

function success(options: RegisterOptions, nodeKey: NodeKey): Answer {
  const id = options.service.directory.index.nodeByKey(nodeKey);
  const node = id === undefined ? undefined : options.service.directory.nodes.get(id);
  if (node === undefined) return refusal("the node was deleted while it registered");
  return { ...empty(), ...profileOf(options, node), MachineAuthorized: true };
}

const profileOf = (options: RegisterOptions, node: Node): Pick<RegisterResponse, "User" | "Login"> =>
  loginAnswer(options.service.directory, node);
