// The admin API, the pages and their web server over a fake tailnet, on a port of its own.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createApi } from "@hydrascale/gateway/api/app";
import type { ApiOptions } from "@hydrascale/gateway/api/options";
import { createWeb } from "@hydrascale/gateway/api/web";
import type { MaybeHandler } from "@hydrascale/gateway/api/web";
import { createPages } from "@hydrascale/gateway/pages/pages";
import { systemClock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import { fakeTailnet } from "./fake-service.ts";
import type { FakeService } from "./fake-service.ts";

/** What JSON.parse gives: tests reach into it freely, and what is not there fails the assertion. */
export type Parsed = ReturnType<typeof JSON.parse>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed body; undefined when it is no JSON. */
  readonly json: Parsed;
}

export interface Ask {
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the key of the fake tailnet. */
  readonly key?: string | null;
}

export interface FakeApi extends AsyncDisposable {
  readonly service: FakeService;
  readonly apiKey: string;
  readonly url: string;
  readonly bugs: unknown[];
  readonly keysUsed: number[];
  /** Why the gateway is not ready; tests may fill it. */
  readonly notReady: string[];
  ask(method: string, path: string, ask?: Ask): Promise<Reply>;
}

function optionsFor(service: FakeService, bugs: unknown[], keysUsed: number[]): ApiOptions {
  return {
    service,
    trust: "bearer",
    clock: { ...systemClock, now: () => service.now },
    keyUsed: (key) => keysUsed.push(key),
    version: "0.0.0",
    policyMode: "database",
    policyCheck: (text) =>
      text.startsWith("{nope") ? [problem("invalid", "policy 1:2: a property name is expected")] : [],
    putLogin: (login) => {
      service.pending.set(login.id, login);
      return Promise.resolve(ok(undefined));
    },
    randomBytes: (count) => new Uint8Array(count).fill(7),
    status: () => ({
      version: "0.0.0",
      tailnet: service.tid,
      gateways: [],
      projectors: [],
      nats: { connected: service.away === undefined, server: "", version: "" },
      log: { folded: 1, head: 1 },
      nodes: service.directory.nodes.size,
      connectedNodes: 0,
    }),
    doctor: () => ({ findings: [] }),
    corsOrigins: [],
    onBug: (error) => bugs.push(error),
  };
}

export async function startFakeApi(
  change: Partial<ApiOptions> = {},
  handlers: readonly MaybeHandler[] = [],
): Promise<FakeApi> {
  const { service, apiKey } = await fakeTailnet();
  const bugs: unknown[] = [];
  const keysUsed: number[] = [];
  const notReady: string[] = [];
  const api = createApi({ ...optionsFor(service, bugs, keysUsed), ...change });
  const pages = createPages({
    service,
    serverUrl: "http://head.example.net/",
    product: { version: "0.0.0", commit: "c0ffee", buildTime: "" },
    notReady: () => notReady,
  });
  const key = (_: unknown, res: { end(text: string): void }): void => res.end("the key");
  const server = createServer(createWeb({ api, pages, key, handlers, onBug: (error) => bugs.push(error) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    service,
    apiKey,
    url,
    bugs,
    keysUsed,
    notReady,
    ask: (method, path, given = {}) => ask(url + path, method, apiKey, given),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ask(url: string, method: string, apiKey: string, given: Ask): Promise<Reply> {
  const key = given.key === undefined ? apiKey : given.key;
  const response = await fetch(url, {
    method,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...given.headers },
    ...(given.body === undefined
      ? {}
      : { body: typeof given.body === "string" ? given.body : JSON.stringify(given.body) }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}
