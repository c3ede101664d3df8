// A whole gateway in this process, on a random loopback port, over the in-memory store or any opened one. Several may
// stand on one store, as several processes stand on one NATS.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@hydrascale/core/config/load";
import type { BootId, LoginId, NodeKey, TailnetId } from "@hydrascale/core/domain/ids";
import type { Node } from "@hydrascale/core/domain/directory/state";
import type { Clock } from "@hydrascale/core/lib/clock";
import { createLog } from "@hydrascale/core/obs/log";
import { createMetrics } from "@hydrascale/core/obs/metrics";
import { createMemoryStore } from "@hydrascale/core/store/memory";
import type { MemoryStore } from "@hydrascale/core/store/memory";
import type { Store } from "@hydrascale/core/store/ports";
import { loadZstd } from "@hydrascale/core/wire/zstd";
import { newBootId } from "@hydrascale/gateway/boot";
import { runGateway } from "@hydrascale/gateway/run";
import type { Gateway } from "@hydrascale/gateway/run";
import type { Tailnet } from "@hydrascale/gateway/tailnet";
import { TestClient, fetchPlain } from "./client/control.ts";
import type { TestClientOptions } from "./client/control.ts";
import { lintStream } from "./client/netmap-lint.ts";
import type { MapStream } from "./client/stream.ts";
import { LeapClock } from "./leap-clock.ts";
import { must } from "./nats.ts";

/** What clients are told; nobody dials it, so all gateways of a test can share it. */
export const serverUrl = "http://127.0.0.1:9";

export interface TestGatewayOptions {
  /** Default: a new store in memory. A memory store is connected anew, any other one used as it is. */
  readonly store?: MemoryStore | Store;
  readonly clock?: Clock;
  /** Settings by key, as in a file. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly predecessor?: BootId;
}

export interface ApiAnswer {
  readonly status: number;
  /** JSON of an answer whose shape the test knows. */
  readonly body: ReturnType<typeof JSON.parse>;
}

export type Api = (method: string, path: string, body?: unknown) => Promise<ApiAnswer>;

export interface KeyWishes {
  readonly user?: string;
  readonly tags?: readonly string[];
  readonly reusable?: boolean;
  readonly ephemeral?: boolean;
  /** Lifetime in milliseconds; default an hour. */
  readonly ms?: number;
}

export class TestGateway {
  readonly url: string;
  readonly dir: string;
  readonly store: Store;
  readonly gateway: Gateway;
  readonly clock: Clock;
  /** Everything logged, as JSON lines. */
  readonly lines: readonly string[];
  /** Reasons given to onLost. */
  readonly lost: readonly string[];
  readonly streams: MapStream[] = [];
  readonly clients: TestClient[] = [];
  private readonly metricsText: () => Promise<string>;
  private token = "";

  private constructor(parts: {
    readonly dir: string;
    readonly store: Store;
    readonly gateway: Gateway;
    readonly clock: Clock;
    readonly lines: readonly string[];
    readonly lost: readonly string[];
    readonly metricsText: () => Promise<string>;
  }) {
    this.url = `http://127.0.0.1:${parts.gateway.doors.listener.address.port}`;
    this.dir = parts.dir;
    this.store = parts.store;
    this.gateway = parts.gateway;
    this.clock = parts.clock;
    this.lines = parts.lines;
    this.lost = parts.lost;
    this.metricsText = parts.metricsText;
  }

  static async start(options: TestGatewayOptions = {}): Promise<TestGateway> {
    await loadZstd();
    const clock = options.clock ?? new LeapClock();
    const given = options.store ?? createMemoryStore({ clock });
    const store = isMemory(given) ? given.connect() : given;
    const dir = await mkdtemp(join(tmpdir(), "hydrascale-gateway-"));
    const flags = {
      server_url: serverUrl,
      listen_addr: "127.0.0.1:0",
      state_dir: dir,
      "derp.server.stun_listen_addr": "127.0.0.1:0",
      ...options.config,
    };
    const loaded = loadConfig({ flags });
    if (!loaded.ok) throw new Error(loaded.error.map((p) => p.message).join("; "));
    const lines: string[] = [];
    const lost: string[] = [];
    const metrics = createMetrics();
    const gateway = must(
      await runGateway({
        store,
        config: loaded.value.config,
        tid: "main" as TailnetId,
        clock,
        log: createLog({ level: "debug", format: "json", write: (line) => lines.push(line) }),
        metrics,
        version: "0.0.0-test",
        clusterKey: undefined,
        boot: newBootId(),
        predecessors: options.predecessor === undefined ? [] : [options.predecessor],
        nats: () => ({ connected: true, server: "memory", version: "0" }),
        onLost: (reason) => lost.push(reason),
      }),
    );
    return new TestGateway({
      dir,
      store,
      gateway,
      clock,
      lines,
      lost,
      metricsText: () => metrics.text(),
    });
  }

  get tailnet(): Tailnet {
    return this.gateway.tailnet;
  }

  /** Requests with this API key; without one, with a key that is made for the test. */
  api(token?: string): Api {
    return async (method, path, body) => {
      const bearer = token ?? (await this.ownToken());
      const answer = await fetchPlain(new URL(path, this.url), {
        method,
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: answer.text === "" ? undefined : JSON.parse(answer.text) };
    };
  }

  /** As `api`, for calls that must succeed; answers the body. */
  async ask(method: string, path: string, body?: unknown): Promise<ReturnType<typeof JSON.parse>> {
    const answer = await this.api()(method, path, body);
    if (answer.status !== 200)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Creates a user; answers the id. */
  async user(name: string): Promise<string> {
    return (await this.ask("POST", "/api/v1/user", { name })).user.id;
  }

  /** Creates a pre-auth key; answers its id and text. */
  async preAuthKey(wishes: KeyWishes): Promise<{ readonly id: string; readonly key: string }> {
    const { preAuthKey } = await this.ask("POST", "/api/v1/preauthkey", {
      ...(wishes.user === undefined ? {} : { user: wishes.user }),
      aclTags: wishes.tags ?? [],
      reusable: wishes.reusable ?? false,
      ephemeral: wishes.ephemeral ?? false,
      expiration: new Date(this.clock.now() + (wishes.ms ?? 3_600_000)).toISOString(),
    });
    return preAuthKey;
  }

  /** A client of this gateway. Its streams are linted with the others'. */
  async client(options: Partial<TestClientOptions> = {}): Promise<TestClient> {
    const observe = (stream: MapStream): number => this.streams.push(stream);
    const client = await TestClient.create({ url: this.url, observe, ...options });
    this.clients.push(client);
    return client;
  }

  /** A client that has registered with a one-time key of this user. */
  async joined(user: string, options: Partial<TestClientOptions> = {}): Promise<TestClient> {
    const client = await this.client(options);
    const answer = await client.register({ authKey: (await this.preAuthKey({ user })).key });
    if (answer.MachineAuthorized !== true) throw new Error(`register: ${JSON.stringify(answer)}`);
    return client;
  }

  /** What this gateway has folded of a client's node. */
  nodeOf(client: { readonly node: { readonly text: NodeKey } }): Node | undefined {
    const id = this.tailnet.directory.index.nodeByKey(client.node.text);
    return id === undefined ? undefined : this.tailnet.directory.nodes.get(id);
  }

  /** Value of a counter, summed over its labels that contain `having`. */
  async metric(name: string, having = ""): Promise<number> {
    let sum = 0;
    for (const line of (await this.metricsText()).split("\n"))
      if (line.startsWith(`hydrascale_${name}`) && line.includes(having))
        sum += Number(line.slice(line.lastIndexOf(" ")));
    return sum;
  }

  /** What every stream of every client got wrong. */
  lint(): string[] {
    return this.streams.flatMap((stream, n) =>
      lintStream(stream.received).map((finding) => `stream ${n}: ${finding}`),
    );
  }

  /** As SIGKILL: connections break, the store hears nothing any more. */
  async kill(): Promise<void> {
    if (!isMemory(this.store)) throw new Error("only a gateway on the memory store can be killed");
    this.store.control.link(false);
    await this.stop();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.gateway.stop();
    await this.store.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  private async ownToken(): Promise<string> {
    if (this.token !== "") return this.token;
    const { id, token, hash, prefix } = this.tailnet.mint("api");
    const by = { kind: "local", name: "test" } as const;
    must(await this.tailnet.execute({ kind: "CreateApiKey", hash, prefix, expiry: null }, { by, id }));
    this.token = token;
    return token;
  }
}

const isMemory = (store: Store): store is MemoryStore => "control" in store;

/** The id in a login URL, as a person would give it to the CLI. */
export const loginId = (url: string | undefined): LoginId => (url ?? "").split("/register/")[1] as LoginId;
