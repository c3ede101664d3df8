// Opens the store that a role works on: connects, checks the servers, and wraps the streams. Makes nothing: streams are
// provisioned with the admin key (provision.ts).

import type { Clock } from "../lib/clock.ts";
import { ProblemError, problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import type { Store } from "../store/ports.ts";
import { maxRecordOf } from "./append.ts";
import { JetStreamBucket } from "./bucket.ts";
import { checkFsync, checkVersion } from "./check.ts";
import { connectNats } from "./connect.ts";
import type { NatsLink, NatsRole, NatsTls } from "./connect.ts";
import { JetStreamLog } from "./log.ts";
import { bucketStream } from "./settings.ts";
import type { BucketName } from "./settings.ts";

export interface OpenOptions {
  readonly servers: readonly string[];
  /** Monitoring addresses of all servers, or the operator's explicit word that nothing need be synced. */
  readonly durability: { readonly monitoring: readonly string[] } | "unchecked";
  readonly nkeySeed?: string;
  readonly tls?: NatsTls;
  readonly role: NatsRole;
  readonly clock: Clock;
}

/** 4 MB of `max_payload`, the largest policy included; a smaller server would refuse messages that `decide` accepts. */
const minPayload = 4_000_000;

export interface OpenedStore extends Store {
  /** For provisioning and diagnosis. */
  readonly link: NatsLink;
}

export async function openJetStream(options: OpenOptions): Promise<Result<OpenedStore, Problem>> {
  const { clock, durability } = options;
  const connected = await connectNats(options);
  if (!connected.ok) return connected;
  const link = connected.value;
  const wrong =
    checkVersion(link.serverVersion) ??
    checkPayload(link) ??
    (durability === "unchecked" ? undefined : await checkFsync(durability.monitoring)) ??
    (await checkStreams(link));
  if (wrong !== undefined) {
    await link.close();
    return err(wrong);
  }
  return ok(storeOn(link, clock));
}

function storeOn(link: NatsLink, clock: Clock): OpenedStore {
  const bucket = (name: BucketName) => new JetStreamBucket(link, clock, name);
  const buckets = {
    netmap: bucket("netmap"),
    lease: bucket("lease"),
    pending: bucket("pending"),
    secret: bucket("secret"),
  };
  return {
    ...buckets,
    link,
    evt: new JetStreamLog(link, clock, "EVT"),
    act: new JetStreamLog(link, clock, "ACT"),
    maxRecord: maxRecordOf(link),
    ping: async () => {
      const began = clock.monotonic();
      await link.api("INFO", {});
      return clock.monotonic() - began;
    },
    close: async () => {
      await Promise.all(Object.values(buckets).map((each) => each.close()));
      await link.close();
    },
  };
}

function checkPayload(link: NatsLink): Problem | undefined {
  if (link.maxPayload >= minPayload) return undefined;
  return problem(
    "setup",
    `nats: max_payload is ${link.maxPayload} bytes, 4 MB is needed`,
    "set `max_payload: 4MB` on every server and reload it",
  );
}

async function checkStreams(link: NatsLink): Promise<Problem | undefined> {
  const names = ["EVT", "ACT", ...(["netmap", "lease", "pending", "secret"] as const).map(bucketStream)];
  try {
    for (const name of names) {
      const answer = await link.api(`STREAM.INFO.${name}`, {});
      if (typeof answer === "object" && answer !== null && "error" in answer) {
        return problem("setup", `stream ${name}: not there`, "provision the server with the admin key first");
      }
    }
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  return undefined;
}
