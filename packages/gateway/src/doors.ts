// The doors of one gateway: the one TCP port (control protocol, relay, API, pages), the unix socket, STUN and metrics.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "@hydrascale/core/config/schema";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import { serveMetrics } from "@hydrascale/core/obs/listener";
import { createApi } from "./api/app.ts";
import type { ApiOptions } from "./api/options.ts";
import { listenSocket } from "./api/socket.ts";
import { createWeb } from "./api/web.ts";
import { controlHandler } from "./control/router.ts";
import type { ControlOptions } from "./control/router.ts";
import { keyHandler } from "./control/key.ts";
import { handleDerpRoute } from "./derp/routes.ts";
import type { DerpServer } from "./derp/server.ts";
import { handleVerify } from "./derp/verify.ts";
import type { Admit } from "./derp/verify.ts";
import { codecHttp2 } from "./http2/codec/serve.ts";
import { clientAddress } from "./listen/client-address.ts";
import { followCertificate } from "./listen/certificate-files.ts";
import { listen } from "./listen/server.ts";
import type { Listener, TlsMaterial } from "./listen/server.ts";
import { Ts2021 } from "./noise/ts2021.ts";
import { createPages } from "./pages/pages.ts";
import type { PagesOptions } from "./pages/pages.ts";
import { listenStun } from "./stun/server.ts";

export interface DoorsOptions {
  readonly config: Config;
  readonly noiseKey: Uint8Array;
  readonly control: ControlOptions;
  readonly api: Omit<ApiOptions, "trust">;
  readonly pages: PagesOptions;
  readonly derp: DerpServer | undefined;
  readonly admit: Admit;
  /** For https, or self-made for the relay alone. */
  readonly tls: TlsMaterial | undefined;
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface Doors {
  readonly listener: Listener;
  close(): Promise<void>;
}

export async function openDoors(options: DoorsOptions): Promise<Result<Doors, Problem>> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.reverse()) await one();
  };
  const fail = async <T>(result: Result<T, Problem>): Promise<Result<T, Problem>> => {
    if (!result.ok) await close();
    return result;
  };
  const { config, metrics } = options;
  const listener = await fail(await openPort(options, opened));
  if (!listener.ok) return listener;
  const socket = await fail(
    await listenSocket({
      path: options.socketPath,
      mode: config.unix_socket_permission,
      handler: localWeb(options),
    }),
  );
  if (!socket.ok) return socket;
  opened.push(() => socket.value.close());
  if (options.derp !== undefined) {
    const { host, port } = config.derp.server.stun_listen_addr;
    const stun = await fail(
      await listenStun({ host, port, counters: { add: (name, by) => metrics.inc(`stun_${name}`, {}, by) } }),
    );
    if (!stun.ok) return stun;
    opened.push(() => stun.value.close());
  }
  if (config.metrics_listen_addr !== null) {
    const served = await fail(await serveMetrics(metrics, config.metrics_listen_addr));
    if (!served.ok) return served;
    opened.push(() => served.value.close());
  }
  return ok({ listener: listener.value, close });
}

async function openPort(
  options: DoorsOptions,
  opened: (() => Promise<void>)[],
): Promise<Result<Listener, Problem>> {
  const { config, control, clock, derp, metrics } = options;
  const ts2021 = new Ts2021({
    suite: nodeSuite,
    serverPrivate: nodeSuite.importPrivate(options.noiseKey),
    http2: codecHttp2(clock),
    handler: (request, response, peer) =>
      controlHandler(control, peer.machineKey, peer.remoteAddress)(request, response),
    clock,
    counters: metrics,
    addressOf: (request) => clientAddress(request, config.trusted_proxies),
  });
  const { host, port } = config.listen_addr;
  const listener = await listen({
    host,
    port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    handler: publicWeb(options),
    upgrades: {
      "/ts2021": ts2021.route,
      ...(derp === undefined
        ? {}
        : { "/derp": { upgrade: (request, socket, head) => derp.upgrade(request, socket, head) } }),
    },
    clock,
    counters: metrics,
  });
  if (!listener.ok) return listener;
  if (config.tls_cert_path !== "") {
    const files = { certPath: config.tls_cert_path, keyPath: config.tls_key_path };
    const stopFollowing = await followCertificate(files, listener.value, options.log);
    opened.push(() => Promise.resolve(stopFollowing()));
  }
  opened.push(async () => {
    ts2021.close();
    await derp?.close();
    await listener.value.close();
  });
  return listener;
}

const bugReporter = (log: Logger) => (error: unknown) => log.error("a request failed", { error });

function publicWeb(options: DoorsOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { log, derp, admit } = options;
  const verify = (req: IncomingMessage, res: ServerResponse): boolean => {
    if (req.url?.split("?", 1)[0] !== "/verify") return false;
    void handleVerify(req, res, admit);
    return true;
  };
  return createWeb({
    api: createApi({ ...options.api, trust: "bearer" }),
    pages: createPages(options.pages),
    key: keyHandler(options.noiseKey),
    handlers: derp === undefined ? [verify] : [verify, handleDerpRoute],
    onBug: bugReporter(log),
  });
}

const localWeb = (options: DoorsOptions): ((req: IncomingMessage, res: ServerResponse) => void) =>
  createWeb({
    api: createApi({ ...options.api, trust: "local" }),
    pages: createPages(options.pages),
    handlers: [],
    onBug: bugReporter(options.log),
  });
