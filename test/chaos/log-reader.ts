// Reads the decision log as raw records, from the nats-server of a state folder, with the folder's own admin key. The
// project's code carries the bytes; what they mean is for the ledger to say.

import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectNats } from "@hydrascale/core/jetstream/connect";
import type { NatsLink } from "@hydrascale/core/jetstream/connect";
import { JetStreamLog } from "@hydrascale/core/jetstream/log";
import { systemClock } from "@hydrascale/core/lib/clock";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import { silent } from "@hydrascale/core/nats-server/edge-log";
import { findNatsServer } from "@hydrascale/core/nats-server/find";
import { must } from "../support/nats.ts";
import type { Ledger } from "./ledger.ts";

/** Records before the ledger's end that are read again each time: is the past still what it was? */
const overlap = 200;

/** Hands what is new, and a little of what is not, to the ledger. */
export async function readLog(state: string, ledger: Ledger): Promise<void> {
  const { listen } = JSON.parse(await readFile(join(state, "nats", "nats.conf"), "utf8")) as {
    listen: string;
  };
  const seeds = JSON.parse(await readFile(join(state, "nats", "nkeys.json"), "utf8")) as { admin: string };
  const link = await connect(`nats://${listen}`, seeds.admin);
  try {
    await drain(link, Math.max(1, ledger.seq - overlap), ledger);
  } finally {
    await link.close();
  }
}

/** Reads the whole log from a copy of a stopped installation's store: what is on the disk is what counts. */
export async function readCopy(state: string, ledger: Ledger): Promise<number> {
  const { bin } = must(await findNatsServer({ env: process.env, log: silent }));
  const dir = await mkdtemp(join(tmpdir(), "hydrascale-chaos-copy-"));
  try {
    await cp(join(state, "nats", "store"), join(dir, "store"), { recursive: true });
    await cp(join(state, "nats", "nkeys.json"), join(dir, "nkeys.json"));
    const options = { bin, dir, log: silent, clock: systemClock, env: process.env };
    const child = must(await startNatsServer(options));
    try {
      const link = await connect(child.url, child.seeds.admin);
      const records = await drain(link, 1, ledger);
      await link.close();
      return records;
    } finally {
      await child.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const connect = async (server: string, nkeySeed: string): Promise<NatsLink> =>
  must(await connectNats({ servers: [server], nkeySeed, role: "admin", clock: systemClock }));

async function drain(link: NatsLink, from: number, ledger: Ledger): Promise<number> {
  const log = new JetStreamLog(link, systemClock, "EVT");
  let records = 0;
  for await (const record of log.read(from)) {
    ledger.take(record);
    records++;
  }
  return records;
}
