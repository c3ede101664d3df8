// A tailnet whose log is an array in memory: the real decider and fold, without NATS, sessions or time-outs.
// For tests of what stands in front of a TailnetService.

import { createHash } from "node:crypto";
import { encodeEvt } from "@hydrascale/core/domain/codec";
import { decideBatch } from "@hydrascale/core/domain/directory/batch";
import type { Command, PolicyFacts } from "@hydrascale/core/domain/directory/commands";
import type { Settings } from "@hydrascale/core/domain/directory/settings";
import type {
  BootId,
  CommandId,
  LoginId,
  MachineKey,
  Millis,
  NodeKey,
  TailnetId,
} from "@hydrascale/core/domain/ids";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import { evolveLive } from "@hydrascale/core/domain/live/evolve";
import type { LiveEvent } from "@hydrascale/core/domain/live/events";
import type { Decision, EvtMessage } from "@hydrascale/core/domain/message";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { PendingLogin } from "@hydrascale/gateway/login/pending";
import type {
  Decided,
  ExecuteOptions,
  HistoryEntry,
  MintedKey,
  TailnetService,
} from "@hydrascale/gateway/service";

const boot = "fakeboot" as BootId;

export const plainSettings: Settings = {
  dns: {
    magicDns: true,
    baseDomain: "example.net",
    overrideLocalDns: false,
    nameservers: [],
    split: {},
    searchDomains: [],
    extraRecords: [],
  },
  derpMap: { Regions: {} },
  prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
  taildrop: true,
  logtail: false,
  autoUpdate: false,
  nodeExpiry: 0,
  ephemeralTimeout: 120_000,
};

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export class FakeService implements TailnetService {
  readonly tid = "default" as TailnetId;
  readonly fold = new TailnetFold(this.tid, "e");
  readonly pending = new Map<LoginId, PendingLogin>();
  /** Tags that the policy knows. */
  readonly tags = new Set(["tag:web", "tag:db"]);
  get directory() {
    return this.fold.directory;
  }
  get live() {
    return this.fold.live;
  }
  /** Facts about whatever policy is stored; without one there is nothing that forbids a tag. */
  get policy(): PolicyFacts {
    return {
      version: this.directory.policy.get("policy")?.version ?? 0,
      tagExists: (tag) => this.tags.has(tag),
      mayTag: () => true,
    };
  }
  now: Millis = Date.UTC(2026, 0, 2, 3, 4, 5);
  /** What a barrier says while the log is away. */
  away: Problem | undefined;
  barriers = 0;
  private readonly log: HistoryEntry[] = [];
  readonly listeners = new Set<(seq: number, decision: Decision) => void>();
  private minted = 0;

  execute(command: Command, options: ExecuteOptions): Promise<Result<Decided, Problem>> {
    return Promise.resolve(this.away === undefined ? this.decide(command, options) : err(this.away));
  }

  private decide(command: Command, options: ExecuteOptions): Result<Decided, Problem> {
    const ctx = {
      id: options.id ?? this.freshId(),
      by: options.by,
      now: this.now,
      random: (bytes: number) => new Uint8Array(bytes),
      policy: this.policy,
    };
    const { outcomes, decisions } = decideBatch(this.fold, [{ command, ctx }]);
    const [outcome] = outcomes;
    if (outcome === undefined || outcome.kind === "deferred") throw new Error("one command alone is decided");
    if (outcome.kind === "refused") return err(outcome.problem);
    return ok({ result: outcome.result, seq: outcome.kind === "decided" ? this.append(decisions) : 0 });
  }

  private append(decisions: readonly Decision[]): number {
    const seq = this.log.length + 1;
    const message: EvtMessage = {
      v: 1,
      epoch: this.fold.epoch,
      prev: this.fold.evt,
      id: `m${seq}`,
      gw: boot,
      decisions,
    };
    const applied = this.fold.applyEvt({ seq, data: encodeEvt(message) });
    if (!applied.valid) throw new Error(applied.detail);
    this.log.push({ seq, time: this.now, message, valid: true });
    for (const listener of this.listeners) for (const decision of decisions) listener(seq, decision);
    return seq;
  }

  /** A message in the log that no fold counts. */
  appendVoid(): void {
    const message: EvtMessage = {
      v: 1,
      epoch: this.fold.epoch,
      prev: { seq: 0, id: "nobody" },
      id: "ghost",
      gw: boot,
      decisions: [],
    };
    this.log.push({ seq: this.log.length + 1, time: this.now, message, valid: false });
  }

  /** Puts an activity into the fold as this gateway's. */
  activity(event: LiveEvent): boolean {
    return evolveLive(this.live, event, boot);
  }

  barrier(): Promise<Result<void, Problem>> {
    this.barriers++;
    return Promise.resolve(this.away === undefined ? ok(undefined) : err(this.away));
  }

  reached(seq: number): Promise<Result<void, Problem>> {
    return Promise.resolve(
      seq <= this.log.length ? ok(undefined) : err(problem("unavailable", `sequence ${seq}: not here yet`)),
    );
  }

  mint(kind: "auth" | "api", id: CommandId = this.freshId()): MintedKey {
    const prefix = `hskey-${kind}-${sha256(`prefix ${kind} ${id}`).slice(0, 12)}`;
    const token = `${prefix}-${sha256(`secret ${kind} ${id}`)}`;
    return { id, token, prefix, hash: this.hashKey(token) };
  }

  hashKey(token: string): string {
    return sha256(token);
  }

  readonly logins = {
    get: (id: LoginId): Promise<PendingLogin | undefined> => Promise.resolve(this.pending.get(id)),
    list: (): Promise<readonly PendingLogin[]> => Promise.resolve([...this.pending.values()]),
  };

  async *history(from: number): AsyncGenerator<HistoryEntry> {
    for (const entry of this.log.slice(Math.max(0, from - 1))) yield await Promise.resolve(entry);
  }

  onDecision(listener: (seq: number, decision: Decision) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  pingNode(): Promise<Result<number, Problem>> {
    return Promise.resolve(ok(7));
  }

  /** A login that waits, as a client with host name `name` began it. */
  beginLogin(name: string, n: number): PendingLogin {
    const hex = n.toString(16).padStart(64, "0");
    const login: PendingLogin = {
      id: `hskey-authreq-${n.toString(16).padStart(24, "0")}` as LoginId,
      machineKey: `mkey:${hex}` as MachineKey,
      nodeKey: `nodekey:${hex}` as NodeKey,
      oldNodeKey: null,
      facts: {
        host: { Hostname: name, OS: "linux", IPNVersion: "1.102.5" },
        routes: ["10.1.0.0/24", "0.0.0.0/0", "::/0"],
        requestTags: [],
        capver: 113,
      },
      expiry: null,
      ephemeral: false,
      from: "192.0.2.7",
      createdAt: this.now,
    };
    this.pending.set(login.id, login);
    return login;
  }

  private freshId(): CommandId {
    return `c${++this.minted}` as CommandId;
  }
}

/** A tailnet with settings, two users and an API key for them to be managed with. */
export async function fakeTailnet(): Promise<{ service: FakeService; apiKey: string }> {
  const service = new FakeService();
  const by = { kind: "system", name: "test" } as const;
  const run = async (command: Command, id?: CommandId): Promise<void> => {
    const done = await service.execute(command, { by, ...(id === undefined ? {} : { id }) });
    if (!done.ok) throw new Error(done.error.message);
  };
  await run({ kind: "CreateTailnet", name: "default" });
  await run({ kind: "ChangeSettings", source: "test", hash: "h", settings: plainSettings });
  await run({ kind: "CreateUser", name: "alice", email: "alice@example.net" });
  await run({ kind: "CreateUser", name: "bob" });
  const key = service.mint("api");
  await run({ kind: "CreateApiKey", hash: key.hash, prefix: key.prefix, expiry: null }, key.id);
  return { service, apiKey: key.token };
}
