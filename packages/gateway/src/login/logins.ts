// Pending interactive logins: what a client said when it began, kept in bucket `pending` for 15 minutes so that any
// gateway can finish it. Bounded in total; when full, the source with the most gives up its oldest, so that a flood
// takes from itself and not from others.

import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { LoginId, MachineKey, NodeKey } from "@hydrascale/core/domain/ids";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Bucket, BucketEntry } from "@hydrascale/core/store/ports";
import type { LoginService } from "../service.ts";
import type { PendingLogin } from "./pending.ts";

const ttlSeconds = 15 * 60;
const maxPending = 1024;
/** As buckets take it: without the dot that ends it in a key. */
const folder = "login";
const prefix = `${folder}.`;

interface Known {
  readonly login: PendingLogin;
  readonly revision: number;
}

export class Logins implements LoginService {
  private readonly bucket: Bucket;
  private readonly isSettled: (id: LoginId) => boolean;
  private readonly known = new Map<LoginId, Known>();
  private readonly byNode = new Map<string, LoginId>();
  /** Logins that are being stored. */
  private readonly beginning = new Map<string, Promise<Result<PendingLogin, Problem>>>();
  private readonly bySource = new Map<string, Set<LoginId>>();
  /** Those in bySource: settled ones stay known, but must not take the room of others. */
  private waiting = 0;
  private stopWatching: (() => Promise<void>) | undefined;

  /** `isSettled`: does the log say so? An entry outlives its decision, and may be learnt after it. */
  constructor(bucket: Bucket, isSettled: (id: LoginId) => boolean) {
    this.bucket = bucket;
    this.isSettled = isSettled;
  }

  async start(): Promise<void> {
    this.stopWatching = await this.bucket.watch(folder, (key, entry) => {
      if (entry === undefined) this.forget(key.slice(prefix.length) as LoginId); // keys below the prefix are login ids
      else this.learn(entry);
    });
    for await (const entry of this.bucket.entries(folder)) this.learn(entry);
  }

  async stop(): Promise<void> {
    await this.stopWatching?.();
  }

  async get(id: LoginId): Promise<PendingLogin | undefined> {
    if (!isLoginId(id)) return undefined;
    const entry = await this.bucket.get(prefix + id);
    return entry === undefined ? undefined : parse(entry);
  }

  list(): Promise<readonly PendingLogin[]> {
    const waiting = [...this.known.values()]
      .map((k) => k.login)
      .filter((l) => this.byNode.get(nodeIndex(l.machineKey, l.nodeKey)) === l.id);
    return Promise.resolve(waiting.sort((a, b) => a.createdAt - b.createdAt));
  }

  /** The unexpired pending login of this machine and node key, so that one device never waits on one URL and shows another. */
  pendingOf(machineKey: MachineKey, nodeKey: NodeKey): PendingLogin | undefined {
    const id = this.byNode.get(nodeIndex(machineKey, nodeKey));
    return id === undefined ? undefined : this.known.get(id)?.login;
  }

  /** Requests of one device that come at once begin one login. */
  begin(what: Omit<PendingLogin, "id">): Promise<Result<PendingLogin, Problem>> {
    const same = this.pendingOf(what.machineKey, what.nodeKey);
    if (same !== undefined) {
      if (what.createdAt - same.createdAt < ttlSeconds * 1000) return Promise.resolve(ok(same));
      // Its end was not heard of: the connection was away for too long.
      this.forget(same.id);
    }
    const index = nodeIndex(what.machineKey, what.nodeKey);
    const under = this.beginning.get(index);
    if (under !== undefined) return under;
    const begun = this.store(what).finally(() => this.beginning.delete(index));
    this.beginning.set(index, begun);
    return begun;
  }

  private async store(what: Omit<PendingLogin, "id">): Promise<Result<PendingLogin, Problem>> {
    const login: PendingLogin = { id: newLoginId(), ...what };
    const stored = await this.put(login);
    return stored.ok ? ok(login) : stored;
  }

  async put(login: PendingLogin): Promise<Result<void, Problem>> {
    const outcome = await this.bucket.put(
      prefix + login.id,
      Buffer.from(JSON.stringify(login)),
      0,
      ttlSeconds,
    );
    if (outcome.kind !== "stored")
      return err(problem("unavailable", "the login cannot be stored now", "try again"));
    this.remember(login, outcome.revision);
    // Afterwards, so that those that are stored at the same time count each other.
    await this.makeRoom();
    return ok(undefined);
  }

  private async makeRoom(): Promise<void> {
    while (this.waiting > maxPending) {
      let fullest: Set<LoginId> | undefined;
      for (const ids of this.bySource.values())
        if (fullest === undefined || ids.size > fullest.size) fullest = ids;
      const oldest = fullest?.values().next().value;
      const known = oldest === undefined ? undefined : this.known.get(oldest);
      if (oldest === undefined || known === undefined) return;
      this.forget(oldest);
      await this.bucket.delete(prefix + oldest, known.revision);
    }
  }

  private learn(entry: BucketEntry): void {
    const login = parse(entry);
    if (login !== undefined) this.remember(login, entry.revision);
  }

  private remember(login: PendingLogin, revision: number): void {
    this.known.set(login.id, { login, revision });
    if (this.isSettled(login.id)) return;
    this.byNode.set(nodeIndex(login.machineKey, login.nodeKey), login.id);
    const source = sourceOf(login.from);
    const ids = this.bySource.get(source) ?? new Set();
    if (!ids.has(login.id)) this.waiting++;
    ids.add(login.id);
    this.bySource.set(source, ids);
  }

  /** Decided: a new login of the same device begins anew. The entry stays readable until it expires. */
  settled(id: LoginId): void {
    const known = this.known.get(id);
    if (known !== undefined) this.unlink(known.login);
  }

  /** Expired, or given up for room. */
  private forget(id: LoginId): void {
    const known = this.known.get(id);
    if (known === undefined) return;
    this.known.delete(id);
    this.unlink(known.login);
  }

  private unlink(login: PendingLogin): void {
    const index = nodeIndex(login.machineKey, login.nodeKey);
    if (this.byNode.get(index) === login.id) this.byNode.delete(index);
    const source = sourceOf(login.from);
    const ids = this.bySource.get(source);
    if (ids?.delete(login.id) === true) this.waiting--;
    if (ids?.size === 0) this.bySource.delete(source);
  }
}

const nodeIndex = (machineKey: MachineKey, nodeKey: NodeKey): string => `${machineKey} ${nodeKey}`;

/** Who has one IPv6 address has 2^64 of them: they count as one. */
function sourceOf(from: string): string {
  if (!isIPv6(from) || from.toLowerCase().startsWith("::ffff:")) return from;
  const [head = "", tail] = from.split("::");
  const front = head === "" ? [] : head.split(":");
  if (tail === undefined || front.length >= 4) return front.slice(0, 4).join(":");
  const back = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}

/** 24 random bytes: nobody guesses somebody else's login. */
const newLoginId = (): LoginId => `hskey-authreq-${randomBytes(24).toString("hex")}` as LoginId; // made here only

export const isLoginId = (text: string): text is LoginId => /^hskey-authreq-[0-9a-f]{24,64}$/.test(text);

function parse(entry: BucketEntry): PendingLogin | undefined {
  try {
    return JSON.parse(Buffer.from(entry.value).toString("utf8")) as PendingLogin; // written by begin() of this or another gateway
  } catch {
    return undefined;
  }
}
