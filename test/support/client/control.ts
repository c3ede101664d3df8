// A Tailscale client as the control server sees one, over real TCP: keys, register, map requests. It does what it is
// told and nothing by itself: no reconnects, no lite updates, no answers to pings unless asked for.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { DiscoKey, MachineKey, NodeKey } from "@hydrascale/core/domain/ids";
import { parseMachineKey, rawKey } from "@hydrascale/core/wire/keys";
import { loadZstd } from "@hydrascale/core/wire/zstd";
import { lockKey, newDiscoKey, newMachineKey, newNodeKey } from "./keys.ts";
import type { KeyPair } from "./keys.ts";
import { zeroNodeKey } from "./messages.ts";
import type { MapMessage, RegisterResponse } from "./messages.ts";
import { NoiseLink } from "./noise-link.ts";
import type { Answer, DialOptions, LinkRequest } from "./noise-link.ts";
import { MapStream } from "./stream.ts";

export const newestCapver = 142; // 1.102

export interface TestClientOptions {
  readonly url: string;
  readonly capver?: number;
  readonly machineKey?: KeyPair<MachineKey>;
  readonly nodeKey?: KeyPair<NodeKey>;
  readonly webSocket?: boolean;
  readonly hostname?: string;
  /** Merged over the default Hostinfo. */
  readonly hostinfo?: Readonly<Record<string, unknown>>;
  readonly wrap?: DialOptions["wrap"];
  /** Told of every map stream, siblings' included. */
  readonly observe?: (stream: MapStream) => void;
}

export interface RegisterOptions {
  readonly authKey?: string;
  /** An AuthURL of an earlier answer: waits for the login. */
  readonly followup?: string;
  readonly hostinfo?: Readonly<Record<string, unknown>>;
  readonly expiry?: string;
  readonly oldNodeKey?: string;
  readonly nodeKey?: string;
  readonly ephemeral?: boolean;
  readonly version?: number;
  /** Merged over the request last. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Sent instead of a request. */
  readonly rawBody?: string | Uint8Array;
  /** How long to wait for the answer; default 10 s. */
  readonly ms?: number;
}

export interface MapOptions {
  readonly endpoints?: readonly string[];
  readonly endpointTypes?: readonly number[];
  readonly hostinfo?: Readonly<Record<string, unknown>> | null;
  /** Put into Hostinfo.NetInfo as PreferredDERP, with the least that a real client sends beside it. */
  readonly homeDerp?: number;
  readonly discoKey?: DiscoKey;
  readonly nodeKey?: string;
  readonly version?: number;
  readonly readOnly?: boolean;
  readonly compress?: "zstd" | "";
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly rawBody?: string | Uint8Array;
  /** Answers ping requests on this stream, as clients do. */
  readonly answerPings?: boolean;
}

export class TestClient {
  readonly url: string;
  readonly capver: number;
  readonly machine: KeyPair<MachineKey>;
  readonly serverKey: MachineKey;
  node: KeyPair<NodeKey>;
  /** What the next register names as OldNodeKey. */
  oldNodeKey: NodeKey = zeroNodeKey;
  disco = newDiscoKey();
  private readonly options: TestClientOptions;
  private connection: Promise<NoiseLink> | undefined;
  private readonly links = new Set<NoiseLink>();

  private constructor(options: TestClientOptions, serverKey: MachineKey) {
    this.options = options;
    this.url = options.url;
    this.capver = options.capver ?? newestCapver;
    this.machine = options.machineKey ?? newMachineKey();
    this.node = options.nodeKey ?? newNodeKey();
    this.serverKey = serverKey;
  }

  /** Fetches the server's key; dials nothing yet. */
  static async create(options: TestClientOptions): Promise<TestClient> {
    await loadZstd();
    const answer = await fetchPlain(new URL(`/key?v=${options.capver ?? newestCapver}`, options.url));
    if (answer.status !== 200) throw new Error(`/key: ${answer.status} ${answer.text}`);
    const { publicKey } = JSON.parse(answer.text) as { publicKey: string };
    const parsed = parseMachineKey(publicKey);
    if (!parsed.ok) throw new Error(`/key: ${parsed.error.message}`);
    return new TestClient(options, parsed.value);
  }

  /** A new client of the same device: same machine key, own connection and node key unless given. */
  sibling(options: Partial<TestClientOptions> = {}): TestClient {
    return new TestClient({ ...this.options, machineKey: this.machine, ...options }, this.serverKey);
  }

  get hostname(): string {
    return this.options.hostname ?? `test-${this.machine.text.slice(5, 13)}`;
  }

  /** The current connection; dials when there is none that works. */
  async link(): Promise<NoiseLink> {
    const current = await this.connection?.catch(() => undefined);
    if (current?.usable === true) return current;
    this.connection = this.dial();
    return this.connection;
  }

  /** Another connection beside the current one, as clients since 1.90 open per authority. */
  async dial(): Promise<NoiseLink> {
    const link = await NoiseLink.dial({
      url: this.url,
      capver: this.capver,
      machine: this.machine.secret,
      serverPublic: rawKey(this.serverKey),
      ...(this.options.webSocket === undefined ? {} : { webSocket: this.options.webSocket }),
      ...(this.options.wrap === undefined ? {} : { wrap: this.options.wrap }),
    });
    this.links.add(link);
    void link.closed.then(() => this.links.delete(link));
    return link;
  }

  /** Any request over Noise. */
  async request(request: LinkRequest, ms?: number): Promise<Answer> {
    return (await this.link()).request(request, ms);
  }

  /** Any request outside Noise. */
  plain(
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    return fetchPlain(new URL(path, this.url), init);
  }

  /** The whole HTTP answer of a register. */
  registerAnswer(options: RegisterOptions = {}): Promise<Answer> {
    const nodeKey = options.nodeKey ?? this.node.text;
    const body = {
      Version: options.version ?? this.capver,
      NodeKey: nodeKey,
      OldNodeKey: options.oldNodeKey ?? this.oldNodeKey,
      NLKey: lockKey(this.node),
      ...(options.authKey === undefined ? {} : { Auth: { AuthKey: options.authKey } }),
      Expiry: options.expiry ?? "0001-01-01T00:00:00Z",
      Followup: options.followup ?? "",
      Hostinfo: { ...this.hostinfo(), ...options.hostinfo },
      ...(options.ephemeral === undefined ? {} : { Ephemeral: options.ephemeral }),
      NodeKeySignature: null,
      ...options.extra,
    };
    return this.request(
      {
        path: "/machine/register",
        headers: { "ts-lb": nodeKey },
        body: options.rawBody ?? JSON.stringify(body),
      },
      options.ms,
    );
  }

  /** Registers; throws unless the answer is a 200 with JSON. A refusal is in `Error`. */
  async register(options: RegisterOptions = {}): Promise<RegisterResponse> {
    const answer = await this.registerAnswer(options);
    if (answer.status !== 200) throw new Error(`register: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text) as RegisterResponse;
  }

  /** A new node key; the next register names the present one as its predecessor. */
  rotateKey(): void {
    this.oldNodeKey = this.node.text;
    this.node = newNodeKey();
  }

  /** As `tailscale logout`: an expiry in the past, in the client's own zone. Afterwards the node key is a new one. */
  async logout(): Promise<RegisterResponse> {
    const answer = await this.register({ expiry: "1970-01-01T01:02:03+01:00" });
    this.node = newNodeKey();
    this.oldNodeKey = zeroNodeKey;
    return answer;
  }

  /** As a restart of tailscaled: connections gone, new disco key, node key kept. */
  restart(): void {
    this.close();
    this.disco = newDiscoKey();
  }

  /** The whole HTTP answer of a map request that does not stream. */
  mapAnswer(options: MapOptions & { readonly omitPeers?: boolean } = {}): Promise<Answer> {
    const { omitPeers } = options;
    const shape = omitPeers === true ? { OmitPeers: true } : {};
    return this.request({ path: "/machine/map", ...this.mapRequest(options, shape) });
  }

  /** A lite update; throws unless it is answered 200 with nothing. */
  async lite(options: MapOptions = {}): Promise<void> {
    const answer = await this.mapAnswer({ ...options, omitPeers: true });
    if (answer.status !== 200 || answer.body.length > 0)
      throw new Error(`lite update: ${answer.status} ${answer.text}`);
  }

  /** Opens the long poll. Whether it is refused, its `status` and `ended` say. */
  async stream(options: MapOptions = {}): Promise<MapStream> {
    const link = await this.link();
    const stream = link.open({ path: "/machine/map", ...this.mapRequest(options, { Stream: true }) });
    const map = new MapStream(stream, (options.compress ?? "zstd") === "zstd", (message) => {
      if (options.answerPings === true) this.answerPing(link, message);
    });
    this.options.observe?.(map);
    return map;
  }

  /** Long poll whose first message has come. */
  async up(options: MapOptions = {}): Promise<MapStream> {
    const stream = await this.stream(options);
    await stream.next((message) => message.Node !== undefined);
    return stream;
  }

  /** Ends every connection at once, streams included. */
  close(): void {
    for (const link of this.links) link.close();
    this.connection = undefined;
  }

  hostinfo(): Record<string, unknown> {
    return {
      IPNVersion: "1.102.5-test",
      BackendLogID: "0".repeat(64),
      OS: "linux",
      OSVersion: "6.1",
      Hostname: this.hostname,
      GoArch: "amd64",
      ...this.options.hostinfo,
    };
  }

  private mapRequest(
    options: MapOptions,
    shape: Record<string, unknown>,
  ): { body: string | Uint8Array; headers: Record<string, string> } {
    const nodeKey = options.nodeKey ?? this.node.text;
    const body = {
      Version: options.version ?? this.capver,
      Compress: options.compress ?? "zstd",
      KeepAlive: true,
      NodeKey: nodeKey,
      DiscoKey: options.discoKey ?? this.disco.text,
      ...shape,
      Hostinfo: this.mapHostinfo(options),
      ...(options.endpoints === undefined ? {} : { Endpoints: options.endpoints }),
      ...(options.endpoints === undefined
        ? {}
        : { EndpointTypes: options.endpointTypes ?? options.endpoints.map(() => 1) }),
      ...(options.readOnly === undefined ? {} : { ReadOnly: options.readOnly }),
      ...options.extra,
    };
    return { headers: { "ts-lb": nodeKey }, body: options.rawBody ?? JSON.stringify(body) };
  }

  private mapHostinfo(options: MapOptions): Record<string, unknown> | null {
    if (options.hostinfo === null) return null;
    const netInfo =
      options.homeDerp === undefined
        ? {}
        : { NetInfo: { PreferredDERP: options.homeDerp, WorkingUDP: true } };
    return { ...this.hostinfo(), ...netInfo, ...options.hostinfo };
  }

  private answerPing(link: NoiseLink, message: MapMessage): void {
    const url = message.PingRequest?.URL;
    if (url === undefined) return;
    const target = new URL(url);
    const answered =
      message.PingRequest?.["URLIsNoise"] === true
        ? link.request({ method: "HEAD", path: target.pathname + target.search })
        : fetchPlain(target, { method: "HEAD" });
    // A ping whose answer fails is a ping without an answer, for the server to notice.
    void answered.catch(() => undefined);
  }
}

/** A request outside Noise, without a kept connection and without a look at the certificate. */
export function fetchPlain(
  url: URL,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      { method: init.method ?? "GET", headers: init.headers ?? {}, agent: false, rejectUnauthorized: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const body = Buffer.concat(chunks);
          const headers: Record<string, string> = {};
          for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value);
          resolve({ status: response.statusCode ?? 0, headers, body, text: body.toString() });
        });
      },
    );
    request.on("error", reject);
    request.end(init.body);
  });
}
