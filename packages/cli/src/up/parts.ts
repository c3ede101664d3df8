// A gateway and a projector as a process starts them, alone or together.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "@hydrascale/core/config/schema";
import type { BootId, TailnetId } from "@hydrascale/core/domain/ids";
import { systemClock } from "@hydrascale/core/lib/clock";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import { newBootId } from "@hydrascale/gateway/boot";
import { runGateway } from "@hydrascale/gateway/run";
import type { Gateway } from "@hydrascale/gateway/run";
import { runProjector } from "@hydrascale/projector/run";
import { version } from "../version.ts";
import { openStore } from "./nats-access.ts";
import type { NatsAccess } from "./nats-access.ts";

/** The one tailnet of an installation. */
export const tid = "main" as TailnetId;

export type TakeDown = (() => Promise<void> | void)[];

export interface PartOptions {
  readonly access: NatsAccess;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly takeDown: TakeDown;
}

export async function startGateway(
  { access, metrics, log, takeDown }: PartOptions,
  config: Config,
  onLost: (reason: string) => void,
): Promise<Result<Gateway, Problem>> {
  const clusterKey = readClusterKey(config.cluster_key_path);
  if (!clusterKey.ok) return clusterKey;
  const store = await openStore(access, "gateway");
  if (!store.ok) return store;
  takeDown.push(() => store.value.close());
  const { link } = store.value;
  const boot = newBootId();
  const file = bootFile(config.state_dir);
  // Written before the first session of this boot can exist, so that the next start knows whom to end.
  const predecessors = bootsIn(file);
  writeFileSync(file, [...predecessors, boot].join("\n"));
  const gateway = await runGateway({
    store: store.value,
    config,
    tid,
    boot,
    predecessors,
    clock: systemClock,
    log,
    metrics,
    version,
    clusterKey: clusterKey.value,
    nats: () => ({ connected: link.up, server: access.servers.join(", "), version: link.serverVersion }),
    onLost,
  });
  if (!gateway.ok) return gateway;
  takeDown.push(() => gateway.value.stop());
  writeFileSync(file, boot);
  return gateway;
}

function readClusterKey(path: string): Result<Uint8Array | undefined, Problem> {
  if (path === "") return ok(undefined);
  const hint = "make one with `openssl rand -hex 32`";
  try {
    const text = readFileSync(path, "utf8").trim();
    if (/^[0-9a-f]{64}$/i.test(text)) return ok(Buffer.from(text, "hex"));
    return err(problem("setup", `cluster_key_path ${path}: not 64 hex digits`, hint));
  } catch (error) {
    const reason = messageOf(error);
    return err(problem("setup", `cluster_key_path ${path}: ${reason}`, hint));
  }
}

/** Who held the folder before. Its lock is ours, so none of them lives. */
function bootFile(dir: string): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return join(dir, "boot");
}

function bootsIn(file: string): readonly BootId[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line): line is BootId => /^[a-z2-7]{26}$/.test(line));
}

export async function startProjector({
  access,
  metrics,
  log,
  takeDown,
}: PartOptions): Promise<Result<void, Problem>> {
  const store = await openStore(access, "projector");
  if (!store.ok) return store;
  takeDown.push(() => store.value.close());
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
