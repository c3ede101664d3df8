// Brings a server to the streams and buckets of settings.ts: shows the difference first, changes only what differs,
// and refuses where a stream would have to be made again, since that is for an operator to decide.

import { isDeepStrictEqual } from "node:util";
import { problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import { apiErrorOf, streamNotFound } from "./codes.ts";
import { unavailable } from "./connect.ts";
import type { NatsLink } from "./connect.ts";
import { streamPlans } from "./settings.ts";
import type { StreamPlan } from "./settings.ts";

export type Change =
  | { readonly kind: "create"; readonly stream: string }
  | {
      readonly kind: "update";
      readonly stream: string;
      readonly setting: string;
      readonly from: unknown;
      readonly to: unknown;
    }
  /** The server cannot change this on a living stream. */
  | {
      readonly kind: "impossible";
      readonly stream: string;
      readonly setting: string;
      readonly from: unknown;
      readonly to: unknown;
    };

export interface ProvisionOptions {
  readonly replicas: number;
  /** Identity for streams that are made now: random. */
  readonly epoch: string;
}

type Config = Readonly<Record<string, unknown>>;

/** Settings that are fixed when a stream is made. The deny flags can be set later but never taken back. */
const fixed = new Set(["storage", "retention", "max_consumers", "persist_mode"]);
const oneWay = new Set(["deny_delete", "deny_purge"]);

/** What is different on the server; empty when nothing is. */
export async function plan(link: NatsLink, replicas: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const wanted of streamPlans(replicas)) {
    const config = await configOf(link, wanted.name);
    if (config === undefined) changes.push({ kind: "create", stream: wanted.name });
    else changes.push(...differences(wanted, config));
  }
  return changes;
}

/** Makes it so, and says what was changed. Doing it twice changes nothing. */
export async function converge(
  link: NatsLink,
  options: ProvisionOptions,
): Promise<Result<readonly Change[], Problem>> {
  const changes = await plan(link, options.replicas);
  const impossible = changes.find((change) => change.kind === "impossible");
  if (impossible !== undefined) return err(impossibleProblem(impossible));
  const epoch = (await epochOf(link)) ?? options.epoch;
  for (const wanted of streamPlans(options.replicas)) {
    const own = changes.filter((change) => change.stream === wanted.name);
    if (own.length === 0) continue;
    const failure = await apply(link, wanted, epoch, own[0]?.kind === "create");
    if (failure !== undefined) return err(failure);
  }
  return ok(changes);
}

export function changeText(change: Change): string {
  if (change.kind === "create") return `stream ${change.stream}: create`;
  const { stream, setting, from, to } = change;
  return `stream ${stream}: ${setting} ${JSON.stringify(from ?? null)} → ${JSON.stringify(to)}`;
}

const impossibleProblem = (change: Change): Problem =>
  problem(
    "setup",
    `${changeText(change)}: the server cannot change this on a living stream`,
    "back the stream up, delete it and provision again, or change the setting back",
  );

function differences(wanted: StreamPlan, config: Config): Change[] {
  const changes: Change[] = [];
  const compare = (setting: string, to: unknown): void => {
    const from = config[setting];
    if (isDeepStrictEqual(normal(from), normal(to))) return;
    const kind = fixed.has(setting) || (oneWay.has(setting) && to === false) ? "impossible" : "update";
    changes.push({ kind, stream: wanted.name, setting, from, to });
  };
  compare("subjects", wanted.subjects);
  for (const [setting, to] of Object.entries(wanted.settings)) compare(setting, to);
  if (wanted.settings["republish"] === undefined && config["republish"] !== undefined) {
    changes.push({
      kind: "update",
      stream: wanted.name,
      setting: "republish",
      from: config["republish"],
      to: null,
    });
  }
  return changes;
}

/** The server leaves out what is false, empty or zero. */
const normal = (value: unknown): unknown =>
  value === false || value === 0 || value === "" || value === null ? undefined : value;

async function apply(
  link: NatsLink,
  wanted: StreamPlan,
  epoch: string,
  create: boolean,
): Promise<Problem | undefined> {
  const current = create ? {} : ((await configOf(link, wanted.name)) ?? {});
  const { republish: _dropped, ...kept } = current;
  const config = {
    ...kept,
    ...wanted.settings,
    name: wanted.name,
    subjects: wanted.subjects,
    metadata: create ? { epoch } : ownMetadata(current["metadata"]),
  };
  const answer = await link.api(`STREAM.${create ? "CREATE" : "UPDATE"}.${wanted.name}`, config);
  const error = apiErrorOf(answer);
  if (error === undefined) return undefined;
  return problem(
    "setup",
    `stream ${wanted.name}: the server refuses it: ${error.description} (${error.errCode})`,
  );
}

/** Without what the server adds itself. */
const ownMetadata = (metadata: unknown): Readonly<Record<string, unknown>> =>
  typeof metadata === "object" && metadata !== null
    ? Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith("_nats.")))
    : {};

async function epochOf(link: NatsLink): Promise<string | undefined> {
  const config = await configOf(link, "EVT");
  const epoch = config === undefined ? undefined : ownMetadata(config["metadata"])["epoch"];
  return typeof epoch === "string" && epoch !== "" ? epoch : undefined;
}

async function configOf(link: NatsLink, stream: string): Promise<Config | undefined> {
  const answer = await link.api(`STREAM.INFO.${stream}`, {});
  const error = apiErrorOf(answer);
  if (error?.errCode === streamNotFound) return undefined;
  if (error !== undefined) throw unavailable(`stream ${stream}: ${error.description}`);
  // The server's own format.
  return (answer as { readonly config: Config }).config;
}
