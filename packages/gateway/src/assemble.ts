// The part of a gateway that clients and operators meet: relay, inputs, doors, and what status and doctor say.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Config } from "@hydrascale/core/config/schema";
import type { BootId } from "@hydrascale/core/domain/ids";
import { isExpired } from "@hydrascale/core/domain/expiry";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Netmap } from "@hydrascale/core/netmap/engine";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import type { Store } from "@hydrascale/core/store/ports";
import { Farewells } from "./control/farewell.ts";
import type { ControlOptions } from "./control/router.ts";
import type { Admit } from "./derp/verify.ts";
import { openRelay } from "./relay.ts";
import { openDoors } from "./doors.ts";
import type { Doors } from "./doors.ts";
import { Inputs } from "./inputs.ts";
import type { Lease } from "./lease.ts";
import type { Secrets } from "./secret.ts";
import { doctorReport, statusReport } from "./status.ts";
import type { Tailnet } from "./tailnet.ts";

export interface AssembleOptions {
  readonly store: Store;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly nats: () => { readonly connected: boolean; readonly server: string; readonly version: string };
  readonly boot: { readonly current: BootId };
  readonly lease: Lease;
  readonly tailnet: Tailnet;
  readonly netmap: Netmap;
  /** Documents of the read model that differ from the fold, by key. */
  readonly differences: ReadonlyMap<string, string>;
  readonly secrets: Secrets;
}

export interface Assembled {
  readonly doors: Doors;
  close(): Promise<void>;
}

export async function assemble(options: AssembleOptions): Promise<Result<Assembled, Problem>> {
  const { config, clock, log, metrics, tailnet, netmap } = options;
  const admit: Admit = (key) => {
    const id = tailnet.directory.index.nodeByKey(key);
    const node = id === undefined ? undefined : tailnet.directory.nodes.get(id);
    return node !== undefined && !isExpired(node, clock.now());
  };
  const relay = await openRelay({
    config,
    clock,
    log,
    metrics,
    tailnet,
    admit,
    relayKey: options.secrets.relay,
  });
  if (!relay.ok) return relay;
  const inputs = await Inputs.start({
    config,
    service: tailnet,
    derp: relay.value.maps,
    log,
    checkPolicy: (text) => netmap.check(text),
  });
  if (!inputs.ok) return inputs;
  const doors = await openDoors({
    config,
    noiseKey: options.secrets.noise,
    control: controlOptions(options),
    api: {
      service: tailnet,
      clock,
      version: options.version,
      policyMode: config.policy.mode,
      policyCheck: (text) => netmap.check(text),
      putLogin: (login) => tailnet.logins.put(login),
      randomBytes: (count) => randomBytes(count),
      keyUsed: (key) => tailnet.keyUsed(key),
      status: () => statusReport(options),
      doctor: () => doctorReport(options),
      corsOrigins: config.cors.origins,
      onBug: (error) => log.error("an API request failed", { error }),
    },
    pages: {
      service: tailnet,
      serverUrl: config.server_url,
      product: { version: options.version, commit: "", buildTime: "" },
      notReady: () => (options.lease.current ? [] : ["this gateway has lost touch with the log"]),
    },
    derp: relay.value.server,
    admit,
    tls: relay.value.tls,
    socketPath: config.unix_socket === "" ? join(config.state_dir, "hydrascale.sock") : config.unix_socket,
    clock,
    log,
    metrics,
  });
  if (!doors.ok) {
    await inputs.value.stop();
    return doors;
  }
  metrics.gaugeFrom("map_streams", "map streams open at this gateway", () => tailnet.sessions.size);
  metrics.gaugeFrom("nodes", "nodes of the tailnet", () => tailnet.directory.nodes.size);
  return ok({
    doors: doors.value,
    close: async () => {
      await inputs.value.stop();
      await doors.value.close();
      relay.value.stop();
    },
  });
}

function controlOptions({ config, clock, log, tailnet, netmap }: AssembleOptions): ControlOptions {
  return {
    register: { service: tailnet, logins: tailnet.logins, clock, serverUrl: config.server_url },
    map: {
      service: tailnet,
      netmap,
      sessions: tailnet.sessions,
      farewells: new Farewells(tailnet.replica, (node) => tailnet.sessions.streamOf(node) !== undefined),
      hostDiffers: (node, update) => tailnet.hostDiffers(node, update),
      moved: (node, reach) => tailnet.moved(node, reach),
    },
    pings: tailnet.pings,
    log,
  };
}
