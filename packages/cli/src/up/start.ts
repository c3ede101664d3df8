// Starts what `up` consists of, in order, and takes it down in the reverse.

import type { Config } from "@hydrascale/core/config/schema";
import { systemClock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { lockFolder } from "@hydrascale/core/nats-server/lock";
import { createLog } from "@hydrascale/core/obs/log";
import type { Logger } from "@hydrascale/core/obs/log";
import { createMetrics } from "@hydrascale/core/obs/metrics";
import { loadZstd } from "@hydrascale/core/wire/zstd";
import { startLocalNats } from "./nats-access.ts";
import { startGateway, startProjector } from "./parts.ts";
import type { TakeDown } from "./parts.ts";
import { welcome } from "./welcome.ts";
import type { Welcome } from "./welcome.ts";

export interface StartOptions {
  readonly config: Config;
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly authKey: boolean;
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
  const nats = await startLocalNats(dir, options.env, log);
  if (!nats.ok) return nats;
  const { child, access } = nats.value;
  takeDown.push(() => child.stop());
  const part = { access, metrics: createMetrics({ process: true }), log, takeDown };
  const { lost, lose } = loss();
  const gateway = await startGateway(part, config, lose);
  if (!gateway.ok) return gateway;
  const projector = await startProjector(part);
  if (!projector.ok) return projector;
  const greeted = await welcome(gateway.value.tailnet, dir, systemClock.now(), options.authKey);
  if (!greeted.ok) return greeted;
  const control = config.server_url;
  const facts: Facts = {
    control,
    api: control,
    ...greeted.value,
    pids: { up: process.pid, "nats-server": child.pid },
    dir,
  };
  return ok({ facts, ended: Promise.race([aborted(signal), lost]) });
}

/** A promise of the reason for which a gateway can no longer go on. */
export function loss(): { readonly lost: Promise<Problem>; readonly lose: (reason: string) => void } {
  let lose: (reason: string) => void = () => undefined;
  const lost = new Promise<Problem>((resolve) => {
    lose = (reason) => resolve(problem("setup", reason, "start it again: it reads everything anew"));
  });
  return { lost, lose: (reason) => lose(reason) };
}

export const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
