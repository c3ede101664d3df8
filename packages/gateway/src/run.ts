// One gateway process on an opened store: puts the parts together in the order in which they need each other, and takes
// them down in the reverse.

import type { Config } from "@hydrascale/core/config/schema";
import type { BootId, TailnetId } from "@hydrascale/core/domain/ids";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import { loadFold } from "@hydrascale/core/domain/snapshot/load";
import type { Loaded } from "@hydrascale/core/domain/snapshot/load";
import type { Clock } from "@hydrascale/core/lib/clock";
import { ProblemError, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { Netmap } from "@hydrascale/core/netmap/engine";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import type { Store } from "@hydrascale/core/store/ports";
import { forClient } from "./derp/region.ts";
import { assemble } from "./assemble.ts";
import type { Assembled } from "./assemble.ts";
import { Lease } from "./lease.ts";
import { Replica } from "./replica.ts";
import { loadSecrets } from "./secret.ts";
import { Tailnet } from "./tailnet.ts";
import { Verifier } from "./verifier.ts";

export interface GatewayOptions {
  readonly store: Store;
  readonly config: Config;
  readonly tid: TailnetId;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** 32 bytes that seal the secrets in the store; undefined: they are stored as they are. */
  readonly clusterKey: Uint8Array | undefined;
  /** Of this start. */
  readonly boot: BootId;
  /** Processes that held this folder before and are certainly gone: their sessions end at once. */
  readonly predecessors: readonly BootId[];
  /** How NATS is, for status. */
  readonly nats: () => { readonly connected: boolean; readonly server: string; readonly version: string };
  /** What this process folded can no longer be trusted: the caller must end and start anew. */
  readonly onLost: (reason: string) => void;
}

export interface Gateway {
  readonly boot: BootId;
  readonly tailnet: Tailnet;
  readonly doors: Assembled["doors"];
  stop(): Promise<void>;
}

const loadedWaitMs = 15_000;

type TakeDown = (() => Promise<void>)[];

export async function runGateway(options: GatewayOptions): Promise<Result<Gateway, Problem>> {
  const takeDown: TakeDown = [];
  const stop = async (): Promise<void> => {
    for (const one of takeDown.splice(0).reverse())
      await one().catch((error: unknown) => options.log.warn("a part did not stop cleanly", { error }));
  };
  try {
    const started = await startParts(options, takeDown);
    if (started.ok) return ok({ ...started.value, stop });
    await stop();
    return started;
  } catch (error) {
    await stop();
    if (error instanceof ProblemError) return err(error.problem);
    throw error;
  }
}

/** From the documents; where one is damaged, from the logs' beginning, so that a projector can come up and mend it. */
async function loadOrReplay({
  store,
  tid,
  log,
}: GatewayOptions): Promise<Result<Pick<Loaded, "fold" | "largest">, Problem>> {
  const { epoch } = await store.evt.info();
  const loaded = await loadFold(store.netmap, tid, epoch);
  // What ACT no longer holds is in the documents alone.
  if (loaded.ok || (await store.act.info()).firstSeq > 1) return loaded;
  log.error("the read model is damaged; everything is read from the logs", { reason: loaded.error.message });
  return ok({ fold: new TailnetFold(tid, epoch), largest: { evt: 0, act: 0 } });
}

async function startParts(
  options: GatewayOptions,
  takeDown: TakeDown,
): Promise<Result<Omit<Gateway, "stop">, Problem>> {
  const { store, clock, log, metrics, tid } = options;
  const secrets = await loadSecrets(store.secret, options.clusterKey);
  if (!secrets.ok) return secrets;
  const loaded = await loadOrReplay(options);
  if (!loaded.ok) return loaded;
  const { fold } = loaded.value;
  if (fold.opaque)
    return err(
      problem(
        "setup",
        "the log holds events that this release does not know",
        "run the newer release that wrote them",
      ),
    );
  const netmap = new Netmap(fold.directory, fold.live, {
    compress: true,
    now: () => clock.now(),
    derpMapFor: forClient,
  });
  const replica = new Replica({ store, tid, fold, netmap, log, counters: metrics, onLost: options.onLost });
  takeDown.push(() => replica.stop());
  await replica.start();
  // Up to there loaded rows may be ahead of each other; the logs' ends as a lagging replica told them may lie before.
  const { evt, act } = loaded.value.largest;
  await Promise.all([replica.evtReached(evt, loadedWaitMs), replica.actReached(act, loadedWaitMs)]);
  const boot = { current: options.boot };
  const startedAt = clock.now();
  const lease = new Lease({
    bucket: store.lease,
    clock,
    log,
    value: () => ({
      boot: boot.current,
      role: "gateway",
      version: options.version,
      state: "serving",
      addresses: [],
      startedAt,
    }),
    catchUp: async () => {
      const [evt, act] = await Promise.all([store.evt.info(), store.act.info()]);
      await Promise.all([replica.evtReached(evt.lastSeq, 5_000), replica.actReached(act.lastSeq, 5_000)]);
    },
  });
  takeDown.push(() => lease.stop());
  if (!(await lease.start()))
    return err(
      problem("unavailable", "the store takes no lease", "check that NATS is up and has disk space"),
    );
  const tailnet = new Tailnet({
    store,
    replica,
    lease,
    secrets: secrets.value,
    clock,
    log,
    counters: metrics,
    serverUrl: options.config.server_url,
    boot,
    random: Math.random,
  });
  const verifier = new Verifier({ netmap: store.netmap, replica, log, counters: metrics });
  takeDown.push(() => tailnet.stop());
  for (const gone of options.predecessors) await tailnet.mourner.end(gone, clock.now());
  await tailnet.start(startedAt);
  const created = await tailnet.execute(
    { kind: "CreateTailnet", name: tid },
    { by: { kind: "system", name: "start" } },
  );
  if (!created.ok && created.error.code !== "conflict") return created;
  await verifier.start();
  takeDown.push(() => verifier.stop());
  const assembled = await assemble({
    ...options,
    boot,
    lease,
    tailnet,
    netmap,
    differences: verifier.differences,
    secrets: secrets.value,
  });
  if (!assembled.ok) return assembled;
  takeDown.push(() => assembled.value.close());
  log.info("gateway serves", {
    boot: boot.current,
    address: `${assembled.value.doors.listener.address.host}:${assembled.value.doors.listener.address.port}`,
    nodes: fold.directory.nodes.size,
  });
  return ok({ boot: boot.current, tailnet, doors: assembled.value.doors });
}
