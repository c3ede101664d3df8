// Registration (protocol 5.3, 5.5): who may come in, as which node. A machine may be several nodes, one for each user
// and one that is tagged; the node key belongs to one of them. Nothing of another machine's node is ever said.

import { problem } from "../../../lib/errors.ts";
import type { Problem } from "../../../lib/errors.ts";
import { err, ok } from "../../../lib/result.ts";
import type { Result } from "../../../lib/result.ts";
import { isExpired } from "../../expiry.ts";
import type { Millis, NodeId, PreAuthKeyId, UserId } from "../../ids.ts";
import { Allocator } from "../allocate.ts";
import type { DecideContext, RegisterNode } from "../commands.ts";
import type { DirectoryEvent, RegisterMethod } from "../events.ts";
import { countersOf } from "../evolve/row.ts";
import { nameFor } from "../naming.ts";
import type { DirectoryState, Node, PreAuthKey } from "../state.ts";
import { canonicalFacts, hostChange, shortened } from "./facts.ts";
import { loginProblem } from "./login.ts";
import { decided, policyMoved, refused } from "./outcome.ts";
import type { Decide, Deciders } from "./outcome.ts";
import { unknownUser } from "./users.ts";

/** What was proved, and what the node is to be by it. */
interface Admission {
  readonly user: UserId | null;
  readonly tags: readonly string[];
  readonly method: RegisterMethod;
  readonly preAuthKey: PreAuthKeyId | null;
  readonly ephemeral: boolean;
  /** Is this one of the machine's nodes the owner's already? */
  readonly fits: (node: Node) => boolean;
  /** May it become this one, if the client names it by its present or former node key? */
  readonly fitsNamed: (node: Node) => boolean;
  readonly extra: (node: NodeId) => readonly DirectoryEvent[];
  /** Keeps this expiry instead of a fresh one. */
  readonly keepExpiry?: boolean;
}

export const registerDeciders: Deciders<"RegisterNode"> = {
  RegisterNode(state, asked, ctx) {
    const command = { ...asked, ...canonicalFacts(asked) };
    const holder = holderOf(state, command);
    if (holder !== undefined && holder.machineKey !== command.machineKey) {
      return refused("forbidden", "node key not accepted", "log out on this machine and log in again");
    }
    return command.auth.kind === "user"
      ? byUser(state, command, command.auth, ctx)
      : byKey(state, command, command.auth.hash, holder, ctx);
  },
};

const holderOf = (state: DirectoryState, { nodeKey }: RegisterNode): Node | undefined => {
  const id = state.index.nodeByKey(nodeKey);
  return id === undefined ? undefined : state.nodes.get(id);
};

function byUser(
  state: DirectoryState,
  command: RegisterNode,
  { user, login, method }: Extract<RegisterNode["auth"], { readonly kind: "user" }>,
  ctx: DecideContext,
): Decide {
  if (!state.users.has(user)) return unknownUser(user);
  const settled = loginProblem(state, login);
  if (settled !== undefined) return settled;
  const tags = command.requestTags;
  if (tags.length > 0) {
    const moved = policyMoved(state, ctx);
    if (moved !== undefined) return moved;
    const bad = tags.filter((tag) => !ctx.policy.mayTag(user, tag));
    if (bad.length > 0) return notPermitted(bad);
  }
  const tagged = tags.length > 0;
  return admit(state, command, ctx, {
    user: tagged ? null : user,
    tags,
    method,
    preAuthKey: null,
    ephemeral: command.ephemeral,
    fits: (node) => node.user === user || (tagged && node.user === null),
    fitsNamed: (node) => node.user === null,
    extra: (node) => [{ kind: "LoginCompleted", login, node }],
  });
}

function byKey(
  state: DirectoryState,
  command: RegisterNode,
  hash: string,
  holder: Node | undefined,
  ctx: DecideContext,
): Decide {
  const id = state.index.preAuthKeyByHash(hash);
  const row = id === undefined ? undefined : state.preAuthKeys.get(id);
  const key = usableKey(state, row, ctx.now);
  const live = holder !== undefined && !isExpired(holder, ctx.now);
  // A container sends its key at every start. The node key proves who it is; the key is only looked at when it would
  // make something else of the node.
  if (live && (!key.ok || key.value.id === holder.preAuthKey || sameOwner(holder, key.value))) {
    return restart(state, command, holder, ctx);
  }
  if (!key.ok) {
    const back = row === undefined ? undefined : comesBack(state, command, row, ctx.now);
    return back === undefined ? key : admit(state, command, ctx, back);
  }
  const bad = command.requestTags.filter((tag) => !key.value.tags.includes(tag));
  if (bad.length > 0) return notPermitted(bad);
  return admit(state, command, ctx, admissionBy(key.value, command));
}

/** The three texts are what client users see (protocol 5.5). */
function usableKey(
  state: DirectoryState,
  key: PreAuthKey | undefined,
  now: Millis,
): Result<PreAuthKey, Problem> {
  if (key === undefined || (key.tags.length === 0 && (key.user === null || !state.users.has(key.user)))) {
    return err(problem("unauthenticated", "invalid auth key", "check the key, or ask for a new one"));
  }
  if (key.used && !key.reusable) {
    return err(problem("unauthenticated", "authkey already used", "ask for a new key, or a reusable one"));
  }
  if (isExpired(key, now)) return err(problem("unauthenticated", "authkey expired", "ask for a new key"));
  return ok(key);
}

const sameOwner = (node: Node, key: PreAuthKey): boolean =>
  key.tags.length > 0
    ? node.user === null && key.tags.join() === node.tags.join()
    : node.user !== null && node.user === key.user;

/** A spent key lets the unexpired node that it made on this machine take another node key, and nothing else. */
function comesBack(
  state: DirectoryState,
  { machineKey }: RegisterNode,
  key: PreAuthKey,
  now: Millis,
): Admission | undefined {
  for (const id of state.index.nodesByMachine(machineKey)) {
    const node = state.nodes.get(id);
    if (node === undefined || node.preAuthKey !== key.id || isExpired(node, now)) continue;
    const same = (other: Node): boolean => other.id === node.id;
    const { user, tags, method, preAuthKey, ephemeral } = node;
    return {
      user,
      tags,
      method,
      preAuthKey,
      ephemeral,
      keepExpiry: true,
      fits: same,
      fitsNamed: same,
      extra: () => [],
    };
  }
  return undefined;
}

function admissionBy(key: PreAuthKey, command: RegisterNode): Admission {
  const tagged = key.tags.length > 0;
  return {
    user: tagged ? null : key.user,
    tags: key.tags,
    method: "auth-key",
    preAuthKey: key.id,
    ephemeral: key.ephemeral || command.ephemeral,
    fits: (node) => (tagged ? node.user === null : node.user !== null && node.user === key.user),
    fitsNamed: (node) => node.user === null,
    extra: (node) => (key.reusable ? [] : [{ kind: "PreAuthKeyUsed", key: key.id, node }]),
  };
}

/** The same node again, nothing proved anew: only its facts are refreshed. */
export function restart(
  state: DirectoryState,
  command: Pick<RegisterNode, "host" | "routes" | "requestTags" | "capver" | "expiry">,
  node: Node,
  ctx: DecideContext,
): Decide {
  const events = [...hostChange(state, node, command), ...shortened(node, command.expiry, ctx.now)];
  return decided(events, { kind: "node", node: node.id });
}

function admit(state: DirectoryState, command: RegisterNode, ctx: DecideContext, by: Admission): Decide {
  const settings = state.settings.get("settings")?.settings;
  if (settings === undefined) {
    return refused("setup", "tailnet: has no settings yet", "wait until the server has started completely");
  }
  const holder = holderOf(state, command);
  const target = targetOf(state, command, by);
  if (holder !== undefined && holder.id !== target?.id) {
    return refused(
      "conflict",
      "node key belongs to another login on this machine",
      "log out and log in again",
    );
  }
  const standard = settings.nodeExpiry > 0 ? ctx.now + settings.nodeExpiry : null;
  const asked = command.expiry !== null && command.expiry > ctx.now ? command.expiry : standard;
  const fresh = by.user === null ? null : asked;
  const common = {
    nodeKey: command.nodeKey,
    user: by.user,
    tags: by.tags,
    name: nameFor(state, command.host.Hostname, target),
    expiry: by.keepExpiry === true && target !== undefined ? target.expiry : fresh,
    ephemeral: by.ephemeral,
    method: by.method,
    preAuthKey: by.preAuthKey,
    host: command.host,
    routes: command.routes,
    requestTags: command.requestTags,
    capver: command.capver,
  };
  if (target !== undefined) {
    const node = target.id;
    return decided([{ kind: "NodeReauthenticated", node, ...common }, ...by.extra(node)], {
      kind: "node",
      node,
    });
  }
  const addresses = new Allocator(state, settings.prefixes, ctx.random).both();
  if (!addresses.ok) return addresses;
  // The counter is a plain number until it becomes a node's id, here.
  const node = countersOf(state).nextNode as NodeId;
  const { machineKey } = command;
  return decided(
    [{ kind: "NodeRegistered", node, machineKey, addresses: addresses.value, ...common }, ...by.extra(node)],
    { kind: "node", node },
  );
}

/**
 * Which of the machine's nodes this is: one of the same owner, preferably the one that the client names by key; else
 * the named one, if it may change hands (a tagged node back to a user). None: a new node.
 */
function targetOf(state: DirectoryState, command: RegisterNode, by: Admission): Node | undefined {
  const { machineKey, nodeKey, oldNodeKey } = command;
  const own: Node[] = [];
  for (const id of state.index.nodesByMachine(machineKey)) {
    const node = state.nodes.get(id);
    if (node !== undefined) own.push(node);
  }
  const named = [
    ...own.filter((node) => node.nodeKey === nodeKey),
    ...own.filter((node) => node.nodeKey === oldNodeKey),
  ];
  return named.find(by.fits) ?? own.find(by.fits) ?? named.find(by.fitsNamed);
}

const notPermitted = (tags: readonly string[]) =>
  refused(
    "forbidden",
    `requested tags [${tags.map((tag) => tag.slice(0, 64)).join(" ")}] are invalid or not permitted`,
    "ask for tags that the key carries, or that tagOwners in the policy gives to the user",
  );
