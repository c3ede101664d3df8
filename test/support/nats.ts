// A throw-away nats-server for tests: own folder, own ports, provisioned, ended with the test.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provision } from "@hydrascale/core/jetstream/admin";
import { openJetStream } from "@hydrascale/core/jetstream/open";
import type { OpenedStore } from "@hydrascale/core/jetstream/open";
import { systemClock } from "@hydrascale/core/lib/clock";
import { ProblemError } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import type { NatsServerChild } from "@hydrascale/core/nats-server/child";
import { silent } from "@hydrascale/core/nats-server/edge-log";
import { findNatsServer } from "@hydrascale/core/nats-server/find";
import type { ChildRole } from "@hydrascale/core/nats-server/identity";

export interface TestNats {
  readonly dir: string;
  readonly child: NatsServerChild;
  /** Opens a store of a role; all are closed at the end. Without a role: everything is allowed. */
  readonly open: (role?: ChildRole) => Promise<OpenedStore>;
  readonly end: () => Promise<void>;
}

export interface TestNatsOptions {
  readonly fsync?: boolean;
  readonly provision?: boolean;
  readonly epoch?: string;
}

export const must = <T>(result: Result<T, Problem>): T => {
  if (result.ok) return result.value;
  throw new ProblemError(result.error);
};

export async function startTestNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const { bin } = must(await findNatsServer({ env: process.env, log: silent }));
  const dir = await mkdtemp(join(tmpdir(), "hydrascale-nats-"));
  const child = must(
    await startNatsServer({
      bin,
      dir,
      log: silent,
      clock: systemClock,
      env: process.env,
      fsync: options.fsync ?? true,
    }),
  );
  const nats = { servers: [child.url], nkeySeed: child.seeds.admin, clock: systemClock };
  if (options.provision !== false)
    must(await provision({ nats, replicas: 1, epoch: options.epoch ?? "epoch-of-test" }));
  const opened: OpenedStore[] = [];
  return {
    dir,
    child,
    open: async (role = "admin") => {
      const durability = { monitoring: [child.monitoringUrl] };
      const seed = child.seeds[role];
      const store = must(await openJetStream({ ...nats, nkeySeed: seed, role, durability }));
      opened.push(store);
      return store;
    },
    end: async () => {
      await Promise.all(opened.map((store) => store.close()));
      await child.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
