// How a role reaches NATS: the server that `up` runs on this machine, or the servers that the configuration names.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "@hydrascale/core/config/schema";
import { provision } from "@hydrascale/core/jetstream/admin";
import { openJetStream } from "@hydrascale/core/jetstream/open";
import type { OpenedStore } from "@hydrascale/core/jetstream/open";
import { systemClock } from "@hydrascale/core/lib/clock";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import type { NatsServerChild } from "@hydrascale/core/nats-server/child";
import { findNatsServer } from "@hydrascale/core/nats-server/find";
import { seedsOf } from "@hydrascale/core/nats-server/identity";
import type { Logger } from "@hydrascale/core/obs/log";

export type Role = "gateway" | "projector";

export interface NatsAccess {
  readonly servers: readonly string[];
  readonly monitoring: readonly string[];
  readonly caFile: string | undefined;
  readonly seed: (role: Role) => string;
}

const natsDir = (dir: string): string => join(dir, "nats");
/** Where `up` says how its server is reached, for the commands that join it. No secrets. */
const addressFile = (dir: string): string => join(dir, "nats.json");

/** Starts the server of `up`, brings it to our streams, and writes down where it is. */
export async function startLocalNats(
  dir: string,
  env: Readonly<Record<string, string | undefined>>,
  log: Logger,
): Promise<Result<{ readonly child: NatsServerChild; readonly access: NatsAccess }, Problem>> {
  const found = await findNatsServer({ env, log });
  if (!found.ok) return found;
  const child = await startNatsServer({
    bin: found.value.bin,
    dir: natsDir(dir),
    log,
    clock: systemClock,
    env,
  });
  if (!child.ok) return child;
  const { url, monitoringUrl, seeds } = child.value;
  const nats = { servers: [url], nkeySeed: seeds.admin, clock: systemClock };
  const done = await provision({ nats, replicas: 1, epoch: randomBytes(12).toString("hex") });
  if (!done.ok) {
    await child.value.stop();
    return done;
  }
  writeFileSync(addressFile(dir), JSON.stringify({ url, monitoringUrl }));
  const access: NatsAccess = {
    servers: [url],
    monitoring: [monitoringUrl],
    caFile: undefined,
    seed: (role) => seeds[role],
  };
  return ok({ child: child.value, access });
}

/** For a role of its own: the servers that the configuration names, else the one of the `up` on this folder. */
export function accessFor(role: Role, config: Config): Result<NatsAccess, Problem> {
  const { url, monitoring, nkey_path, ca_path } = config.nats;
  if (url.length > 0) {
    try {
      const seed = readFileSync(nkey_path, "utf8").trim();
      return ok({ servers: url, monitoring, caFile: ca_path === "" ? undefined : ca_path, seed: () => seed });
    } catch (error) {
      const reason = messageOf(error);
      return err(problem("setup", `nats.nkey_path: ${reason}`, `name the file with the ${role}'s nkey seed`));
    }
  }
  const dir = config.state_dir;
  if (!existsSync(addressFile(dir))) {
    return err(
      problem(
        "setup",
        `no NATS server is known for ${dir}`,
        "set nats.url, or start `hydrascale up` on that folder first",
      ),
    );
  }
  // Written by startLocalNats above.
  const known = JSON.parse(readFileSync(addressFile(dir), "utf8")) as {
    readonly url: string;
    readonly monitoringUrl: string;
  };
  const seeds = seedsOf(natsDir(dir));
  return ok({
    servers: [known.url],
    monitoring: [known.monitoringUrl],
    caFile: undefined,
    seed: (r) => seeds[r],
  });
}

export function openStore(access: NatsAccess, role: Role): Promise<Result<OpenedStore, Problem>> {
  return openJetStream({
    servers: access.servers,
    durability: { monitoring: access.monitoring },
    nkeySeed: access.seed(role),
    ...(access.caFile === undefined ? {} : { tls: { caFile: access.caFile } }),
    role,
    clock: systemClock,
  });
}
