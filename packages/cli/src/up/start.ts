// Starts what `up` consists of, in order, and takes it down in the reverse.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "@hydrascale/core/config/schema";
import type { BootId, TailnetId } from "@hydrascale/core/domain/ids";
import { provision } from "@hydrascale/core/jetstream/admin";
import { openJetStream } from "@hydrascale/core/jetstream/open";
import type { OpenedStore } from "@hydrascale/core/jetstream/open";
import { systemClock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import type { NatsServerChild } from "@hydrascale/core/nats-server/child";
import { findNatsServer } from "@hydrascale/core/nats-server/find";
import { lockFolder } from "@hydrascale/core/nats-server/lock";
import { createLog } from "@hydrascale/core/obs/log";
import type { Logger } from "@hydrascale/core/obs/log";
import { createMetrics } from "@hydrascale/core/obs/metrics";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import { loadZstd } from "@hydrascale/core/wire/zstd";
import { newBootId } from "@hydrascale/gateway/boot";
import { runGateway } from "@hydrascale/gateway/run";
import type { Gateway } from "@hydrascale/gateway/run";
import { runProjector } from "@hydrascale/projector/run";
import { version } from "../version.ts";
import { welcome } from "./welcome.ts";
import type { Welcome } from "./welcome.ts";

/** The one tailnet of a single-machine installation. */
const tid = "main" as TailnetId;

export interface StartOptions {
  readonly config: Config;
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (line: string) => void;
  /** Aborted when the operator wants it to end. */
  readonly signal: AbortSignal;
}

/** The line of `--json`. */
export interface Facts extends Welcome {
  readonly control: string;
  readonly api: string;
  readonly pids: { readonly up: number; readonly "nats-server": number };
  readonly dir: string;
}

export interface Running {
  readonly facts: Facts;
  /** Resolves when it is over: with nothing when asked to end, else with why. */
  readonly ended: Promise<Problem | undefined>;
  stop(): Promise<void>;
}

type TakeDown = (() => Promise<void> | void)[];

export async function startAll(options: StartOptions): Promise<Result<Running, Problem>> {
  const { config, dir } = options;
  const log = createLog({ level: config.log.level, format: config.log.format, write: options.write });
  const takeDown: TakeDown = [];
  const stop = async (): Promise<void> => {
    for (const one of takeDown.splice(0).reverse()) await one();
  };
  const lock = lockFolder(dir);
  if (!lock.ok) return lock;
  takeDown.push(() => lock.value.release());
  const started = await startParts(options, log, takeDown);
  if (!started.ok) {
    await stop();
    return started;
  }
  return ok({ ...started.value, stop });
}

async function startParts(
  options: StartOptions,
  log: Logger,
  takeDown: TakeDown,
): Promise<Result<Omit<Running, "stop">, Problem>> {
  const { config, dir, signal } = options;
  await loadZstd();
  const metrics = createMetrics();
  const nats = await startNats(options, log, takeDown);
  if (!nats.ok) return nats;
  let lose: (problem: Problem) => void = () => undefined;
  const lost = new Promise<Problem>((resolve) => {
    lose = resolve;
  });
  const gateway = await startGateway(options, nats.value, metrics, log, takeDown, (reason) =>
    lose(problem("setup", reason, "start it again: it reads everything anew")),
  );
  if (!gateway.ok) return gateway;
  const projector = await startProjector(nats.value, metrics, log, takeDown);
  if (!projector.ok) return projector;
  const greeted = await welcome(gateway.value.tailnet, dir, systemClock.now());
  if (!greeted.ok) return greeted;
  const facts: Facts = {
    control: config.server_url,
    api: config.server_url,
    ...greeted.value,
    pids: { up: process.pid, "nats-server": nats.value.pid },
    dir,
  };
  const asked = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  return ok({ facts, ended: Promise.race([asked, lost]) });
}

async function startNats(
  { dir, env }: StartOptions,
  log: Logger,
  takeDown: TakeDown,
): Promise<Result<NatsServerChild, Problem>> {
  const found = await findNatsServer({ env, log });
  if (!found.ok) return found;
  const child = await startNatsServer({
    bin: found.value.bin,
    dir: join(dir, "nats"),
    log,
    clock: systemClock,
    env,
  });
  if (!child.ok) return child;
  takeDown.push(() => child.value.stop());
  const { url, seeds } = child.value;
  const done = await provision({
    nats: { servers: [url], nkeySeed: seeds.admin, clock: systemClock },
    replicas: 1,
    epoch: randomBytes(12).toString("hex"),
  });
  return done.ok ? child : done;
}

async function openStore(
  nats: NatsServerChild,
  role: "gateway" | "projector",
  takeDown: TakeDown,
): Promise<Result<OpenedStore, Problem>> {
  const store = await openJetStream({
    servers: [nats.url],
    durability: { monitoring: [nats.monitoringUrl] },
    nkeySeed: nats.seeds[role],
    role,
    clock: systemClock,
  });
  if (store.ok) takeDown.push(() => store.value.close());
  return store;
}

async function startGateway(
  options: StartOptions,
  nats: NatsServerChild,
  metrics: Metrics,
  log: Logger,
  takeDown: TakeDown,
  onLost: (reason: string) => void,
): Promise<Result<Gateway, Problem>> {
  const store = await openStore(nats, "gateway", takeDown);
  if (!store.ok) return store;
  const { link } = store.value;
  const bootFile = join(options.dir, "boot");
  const gateway = await runGateway({
    store: store.value,
    config: options.config,
    tid,
    clock: systemClock,
    log,
    metrics,
    version,
    clusterKey: undefined,
    predecessor: existsSync(bootFile) ? (readFileSync(bootFile, "utf8").trim() as BootId) : undefined, // written below by an earlier start
    nats: () => ({ connected: link.up, server: nats.url, version: link.serverVersion }),
    onLost,
  });
  if (!gateway.ok) return gateway;
  writeFileSync(bootFile, gateway.value.boot);
  takeDown.push(() => gateway.value.stop());
  return gateway;
}

async function startProjector(
  nats: NatsServerChild,
  metrics: Metrics,
  log: Logger,
  takeDown: TakeDown,
): Promise<Result<void, Problem>> {
  const store = await openStore(nats, "projector", takeDown);
  if (!store.ok) return store;
  const projector = await runProjector({
    store: store.value,
    tid,
    id: newBootId(),
    version,
    clock: systemClock,
    log,
    counters: metrics,
  });
  if (!projector.ok) return projector;
  takeDown.push(() => projector.value.stop());
  return ok(undefined);
}
