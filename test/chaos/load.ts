// The load: workers that register nodes, rename and delete them, make users and keys, at the same time and partly at
// each other's expense, and repeat what got no answer. What each was told goes into the history.

import { setTimeout as pause } from "node:timers/promises";
import { TestClient } from "../support/client/control.ts";
import { Random } from "../support/history.ts";
import type { Api } from "./api.ts";
import { Gate } from "./gate.ts";
import type { History, Operation } from "./history.ts";

export interface LoadOptions {
  readonly api: Api;
  readonly url: string;
  readonly seed: number;
  readonly workers: number;
  /** More live nodes than this, and deletions win. */
  readonly nodes?: number;
}

/** Of one user, who is never deleted. */
export interface Key {
  readonly id: number;
  readonly token: string;
}

interface Own {
  readonly user: number;
  readonly reusable: Key;
  /** Nodes that this worker may rename; any worker may delete them. */
  readonly nodes: Set<number>;
  /** The names it asked for last: the same once more would change nothing, so nothing would be in the log. */
  readonly asked: Map<number, string>;
  readonly spareUsers: number[];
}

/** At half a second each, longer than any restart. */
const maxTries = 600;
const hostnames = ["laptop", "laptop", "web", "db", "Ada's Mac", "build.local", ""];

export class Load {
  readonly gate = new Gate();
  private readonly options: LoadOptions;
  private readonly history: History;
  private readonly shared = new Set<number>();
  private running: Promise<unknown> | undefined;
  private stopped = false;
  private counter = 0;
  private names = 0;

  constructor(options: LoadOptions) {
    this.options = options;
    this.history = options.api.history;
  }

  start(): void {
    const { seed, workers } = this.options;
    this.running = Promise.all(
      Array.from({ length: workers }, (_, n) => this.work(new Random(seed * 1000 + n), n)),
    );
    // Whoever stops the load hears of a failure; until then it must not end the process.
    this.running.catch(() => undefined);
  }

  /** Lets everybody finish what they are at. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.gate.open();
    await this.running;
  }

  private async work(r: Random, n: number): Promise<void> {
    const own = await this.gate.pass(() => this.settle(n));
    while (!this.stopped) {
      await this.gate.pass(() => this.step(r, own));
      await pause(r.int(40));
    }
  }

  private async settle(n: number): Promise<Own> {
    const user = made(await this.createUser(`worker-${n}`));
    const reusable = await this.createKey(user, true);
    if (reusable === undefined) throw new Error(`worker ${n}: got no key`);
    return { user, reusable, nodes: new Set(), asked: new Map(), spareUsers: [] };
  }

  private async step(r: Random, own: Own): Promise<void> {
    const full = this.shared.size >= (this.options.nodes ?? 60);
    const dice = r.int(100);
    if (dice < (full ? 5 : 25)) await this.register(r, own, own.reusable);
    else if (dice < (full ? 10 : 40)) await this.oneShot(r, own);
    else if (dice < 65) await this.rename(r, own);
    else if (dice < (full ? 90 : 80)) await this.remove(r);
    else await this.people(r, own);
  }

  private async register(r: Random, own: Own, key: Key): Promise<Operation> {
    const { operation, node } = await this.join(r, key);
    if (node !== undefined) {
      own.nodes.add(node);
      this.shared.add(node);
    }
    return operation;
  }

  /** A one-shot key, often wanted by two machines at once: one of them gets in. */
  private async oneShot(r: Random, own: Own): Promise<void> {
    const key = await this.createKey(own.user, false);
    if (key === undefined) return;
    const rivals = r.chance(50) ? [0, 1] : [0];
    const operations = await Promise.all(rivals.map(() => this.register(r, own, key)));
    const ins = operations.filter((one) => one.outcome.kind === "ok").length;
    const unsure = operations.some((one) => one.outcome.kind === "unknown");
    if (ins > 1 || (ins === 0 && !unsure))
      this.history.violations.push(`one-shot key ${key.id}: ${ins} of ${rivals.length} machines got in`);
  }

  private async rename(r: Random, own: Own): Promise<void> {
    const node = pick(r, own.nodes);
    if (node === undefined) return;
    // Every name is asked for by about two workers: one of them has to be refused.
    const name = `name-${this.names++ >> 1}`;
    if (own.asked.get(node) === name) return;
    own.asked.set(node, name);
    const { outcome } = await this.options.api.change(
      { kind: "rename-node", node, name },
      { id: this.id(), method: "POST", path: `/api/v1/node/${node}/rename/${name}` },
      () => undefined,
      r.chance(10),
    );
    // Somebody deleted it: nobody renames it any more.
    if (outcome.kind === "fail" && outcome.reason.startsWith("404")) own.nodes.delete(node);
  }

  private async remove(r: Random): Promise<void> {
    const node = pick(r, this.shared);
    if (node === undefined) return;
    await this.options.api.change(
      { kind: "delete-node", node },
      { id: this.id(), method: "DELETE", path: `/api/v1/node/${node}` },
      () => undefined,
      r.chance(10),
    );
    // Another worker may have had it in hand at the same time, or the outcome is unknown: then it is tried no more.
    this.shared.delete(node);
  }

  private async people(r: Random, own: Own): Promise<void> {
    const { api } = this.options;
    const user = own.spareUsers.pop();
    const change = { id: this.id(), body: {} };
    if (user === undefined || r.chance(40)) {
      const operation = await this.createUser(`user-${this.counter++}`);
      if (operation.outcome.kind === "ok") own.spareUsers.push(made(operation));
      if (user !== undefined) own.spareUsers.push(user);
    } else if (r.chance(50)) {
      const name = `renamed-${this.counter++}`;
      const path = `/api/v1/user/${user}/rename/${name}`;
      await api.change(
        { kind: "rename-user", user, name },
        { ...change, method: "POST", path },
        () => undefined,
      );
      own.spareUsers.push(user);
    } else {
      const path = `/api/v1/user/${user}`;
      await api.change({ kind: "delete-user", user }, { ...change, method: "DELETE", path }, () => undefined);
    }
    if (r.chance(20)) await this.expireKey(own);
  }

  private async expireKey(own: Own): Promise<void> {
    const key = await this.createKey(own.user, true);
    if (key === undefined) return;
    const request = {
      id: this.id(),
      method: "POST",
      path: "/api/v1/preauthkey/expire",
      body: { id: String(key.id) },
    };
    await this.options.api.change({ kind: "expire-key", key: key.id }, request, () => undefined);
  }

  private createUser(name: string): Promise<Operation> {
    return this.options.api.change(
      { kind: "create-user", name },
      { id: this.id(), method: "POST", path: "/api/v1/user", body: { name } },
      (json: { user: { id: string } }) => json.user.id,
    );
  }

  async createKey(user: number, reusable: boolean): Promise<Key | undefined> {
    let token = "";
    const operation = await this.options.api.change(
      { kind: "create-key", user, reusable },
      { id: this.id(), method: "POST", path: "/api/v1/preauthkey", body: { user: String(user), reusable } },
      (json: { preAuthKey: { id: string; key: string } }) => {
        token = json.preAuthKey.key;
        return json.preAuthKey.id;
      },
    );
    return operation.outcome.kind === "ok" ? { id: made(operation), token } : undefined;
  }

  /** Registers a new machine; asks again with the same keys until the answer is definite, as clients do. */
  private async join(r: Random, key: Key): Promise<{ operation: Operation; node: number | undefined }> {
    const client = await dialed(this.options.url, r.pick(hostnames));
    const operation = this.history.begin(client.machine.text, {
      kind: "register",
      machineKey: client.machine.text,
      nodeKey: client.node.text,
      key: key.id,
    });
    try {
      const tries = r.chance(10) ? 1 : maxTries;
      while (
        operation.attempts < tries &&
        (operation.attempts === 0 || operation.outcome.kind === "unknown")
      ) {
        if (operation.attempts > 0) await pause(20 + Math.min(operation.attempts * 20, 500));
        operation.attempts++;
        operation.outcome = await attempt(client, key, this.history);
        if (operation.outcome.kind === "unknown") client.close();
      }
    } finally {
      client.close();
    }
    const node = operation.outcome.kind === "ok" ? await this.nodeOf(client.machine.text) : undefined;
    return { operation, node };
  }

  /** Nobody else knows this node yet, so an acknowledged one has to be in the very next answer. */
  private async nodeOf(machineKey: string): Promise<number | undefined> {
    const node = (await this.options.api.nodes()).find((one) => one.machineKey === machineKey);
    if (node !== undefined) return Number(node.id);
    this.history.violations.push(`${machineKey} was let in, and the API does not list it`);
    return undefined;
  }

  private id(): string {
    return `chaos-${this.options.seed}-${this.counter++}`;
  }
}

const made = (operation: Operation): number => {
  if (operation.outcome.kind === "ok" && operation.outcome.made !== undefined) return operation.outcome.made;
  throw new Error(`${operation.change.kind}: ${JSON.stringify(operation.outcome)}`);
};

function pick(r: Random, from: ReadonlySet<number>): number | undefined {
  return from.size === 0 ? undefined : r.pick([...from]);
}

/** A client that has the server's key; until then there is nothing to ask. */
export async function dialed(url: string, hostname: string): Promise<TestClient> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await TestClient.create({ url, hostname });
    } catch (error) {
      if (attempt > 2_000) throw error;
      await pause(20 + Math.min(attempt * 20, 500));
    }
  }
}

async function attempt(client: TestClient, key: Key, history: History): Promise<Operation["outcome"]> {
  try {
    const answer = await client.registerAnswer({ authKey: key.token, ms: 20_000 });
    if (answer.status >= 500) return { kind: "unknown" };
    if (answer.status !== 200) {
      history.violations.push(`register: ${answer.status} ${answer.text}`);
      return { kind: "fail", reason: answer.text };
    }
    const {
      AuthURL,
      Error: refusal,
      MachineAuthorized,
    } = JSON.parse(answer.text) as {
      AuthURL?: string;
      Error?: string;
      MachineAuthorized?: boolean;
    };
    if (refusal !== undefined && refusal !== "") return { kind: "fail", reason: refusal };
    if (MachineAuthorized === true) return { kind: "ok", made: undefined };
    history.violations.push(`register with a key was answered with ${AuthURL ?? "nothing"}`);
    return { kind: "fail", reason: "not authorized" };
  } catch {
    return { kind: "unknown" };
  }
}
