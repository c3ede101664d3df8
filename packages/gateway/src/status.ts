// What this gateway says of itself and of the installation: for `status` and `doctor`.

import { isExpired } from "@hydrascale/core/domain/expiry";
import type { BucketEntry } from "@hydrascale/core/store/ports";
import type { DoctorReport, StatusReport } from "./api/options.ts";
import type { AssembleOptions } from "./assemble.ts";
import { messageOf } from "@hydrascale/core/lib/errors";
import type { LeaseValue } from "./lease.ts";

type Finding = DoctorReport["findings"][number];

export async function statusReport(options: AssembleOptions): Promise<StatusReport> {
  const { tailnet, nats, store } = options;
  const leases = await leasesOf(options);
  const { lastSeq } = await store.evt.info();
  let connectedNodes = 0;
  for (const row of tailnet.live.live.values())
    if (row.online && tailnet.directory.nodes.has(row.id)) connectedNodes++;
  return {
    version: options.version,
    tailnet: tailnet.tid,
    gateways: leases
      .filter((l) => l.role === "gateway")
      .map((l) => ({
        boot: l.boot,
        version: l.version,
        addresses: l.addresses,
        state: l.state,
        self: l.boot === options.boot.current,
      })),
    projectors: leases
      .filter((l) => l.role === "projector")
      .map((l) => ({
        id: l.boot,
        version: l.version,
        state: l.state,
        lag: Math.max(0, lastSeq - (l.folded ?? 0)),
      })),
    nats: nats(),
    log: { folded: tailnet.replica.evtCursor, head: lastSeq },
    nodes: tailnet.directory.nodes.size,
    connectedNodes,
  };
}

async function leasesOf({ store }: AssembleOptions): Promise<readonly LeaseValue[]> {
  const leases: LeaseValue[] = [];
  for await (const entry of store.lease.entries("")) {
    const lease = parse(entry);
    if (lease !== undefined) leases.push(lease);
  }
  return leases;
}

function parse(entry: BucketEntry): LeaseValue | undefined {
  try {
    return JSON.parse(Buffer.from(entry.value).toString("utf8")) as LeaseValue; // written by Lease of some gateway or projector
  } catch {
    return undefined;
  }
}

export async function doctorReport(options: AssembleOptions): Promise<DoctorReport> {
  const findings: Finding[] = [
    ...(await storeFindings(options)),
    ...documentFindings(options),
    ...networkFindings(options),
    ...nodeFindings(options),
  ];
  return { findings };
}

async function storeFindings({ store, lease, nats }: AssembleOptions): Promise<readonly Finding[]> {
  const server = nats();
  const findings: Finding[] = [
    server.connected
      ? { level: "ok", subject: "nats", message: `connected to nats-server ${server.version}` }
      : {
          level: "error",
          subject: "nats",
          message: "not connected",
          hint: "start nats-server, or look into its log in the state folder",
        },
    lease.current
      ? { level: "ok", subject: "gateway", message: "current: its lease and both logs are up to date" }
      : {
          level: "error",
          subject: "gateway",
          message: "not current: the log was out of reach for 15 s",
          hint: "nothing is decided until it is back; it resumes by itself",
        },
  ];
  try {
    const info = await store.evt.info();
    const expected = info.lastSeq === 0 ? 0 : info.lastSeq - info.firstSeq + 1;
    findings.push(
      info.messages === expected
        ? { level: "ok", subject: "log", message: `${info.messages} messages without a gap` }
        : {
            level: "error",
            subject: "log",
            message: `${expected - info.messages} messages are missing`,
            hint: "stop writing and restore the log from a backup",
          },
    );
  } catch (error) {
    findings.push({
      level: "error",
      subject: "log",
      message: `cannot be read: ${messageOf(error)}`,
    });
  }
  return findings;
}

function documentFindings({ differences }: AssembleOptions): readonly Finding[] {
  if (differences.size === 0)
    return [{ level: "ok", subject: "documents", message: "equal to this gateway's fold" }];
  return [...differences].slice(0, 20).map(([key, detail]) => ({
    level: "error" as const,
    subject: `document ${key}`,
    message: detail,
    hint: "run `hydrascale projector --rebuild`; if it comes back, report it",
  }));
}

function networkFindings({ config, tailnet }: AssembleOptions): readonly Finding[] {
  const regions = Object.keys(tailnet.directory.settings.get("settings")?.settings.derpMap.Regions ?? {});
  const findings: Finding[] = [
    regions.length === 0
      ? {
          level: "error",
          subject: "relay",
          message: "the relay map is empty: clients never come up",
          hint: "set derp.server.enabled, derp.urls or derp.paths",
        }
      : {
          level: "ok",
          subject: "relay",
          message: `${regions.length} region${regions.length === 1 ? "" : "s"} in the map`,
        },
  ];
  if (config.server_url.startsWith("http://"))
    findings.push({
      level: "warning",
      subject: "server_url",
      message: "plain http: clients come back in steps of 10 s after an outage",
      hint: "set tls_cert_path and tls_key_path and an https server_url",
    });
  return findings;
}

function nodeFindings({ clock, tailnet }: AssembleOptions): readonly Finding[] {
  const now = clock.now();
  const expired = [...tailnet.directory.nodes.values()].filter((node) => isExpired(node, now));
  if (expired.length === 0) return [];
  const names = expired.slice(0, 5).map((node) => node.name);
  return [
    {
      level: "warning",
      subject: "nodes",
      message: `${expired.length} with an expired key: ${names.join(", ")}${expired.length > 5 ? " …" : ""}`,
      hint: "their users log in again, or delete them",
    },
  ];
}
