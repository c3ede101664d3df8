// Streams and buckets as data: what exists on the server is this table, made so by provision.ts. EVT cannot be deleted
// from or purged, so contiguous sequences are an invariant; ACT and the buckets can.

export type LogName = "EVT" | "ACT";
export type BucketName = "netmap" | "lease" | "pending" | "secret";
export type StreamSetting = string | number | boolean | { readonly [key: string]: string | number | boolean };

/** Settings in the spelling of the JetStream API; durations in nanoseconds. Only what is named here is compared. */
export interface StreamPlan {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly settings: { readonly [key: string]: StreamSetting };
}

const second = 1_000_000_000;
const day = 24 * 3_600 * second;

/** How long the marker of a removed or expired key is kept: longer than any follower stays away and still trusts itself. */
export const markerSeconds = 600;

export const logSubjects: Readonly<Record<LogName, { readonly stored: string; readonly feed: string }>> = {
  EVT: { stored: "evt.>", feed: "feed.evt.>" },
  ACT: { stored: "act.>", feed: "feed.act.>" },
};

export const bucketStream = (name: BucketName): string => `KV_${name}`;
export const bucketPrefix = (name: BucketName): string => `$KV.${name}.`;
export const bucketFeed = (name: BucketName): string => `feed.kv.${name}.>`;

/** Secrets are never put on a feed. */
export const isWatched = (name: BucketName): boolean => name !== "secret";

const base = {
  storage: "file",
  retention: "limits",
  max_consumers: -1,
  max_msgs: -1,
  max_bytes: -1,
  max_msg_size: -1,
  compression: "s2",
  allow_direct: true,
} as const;

export function streamPlans(replicas: number): readonly StreamPlan[] {
  return [
    log("EVT", replicas, { max_age: 0, deny_delete: true, deny_purge: true }),
    // Trimmed below what meta has proved, and by age; so neither is denied.
    log("ACT", replicas, { max_age: 90 * day, deny_delete: false, deny_purge: false }),
    // Can be rebuilt from the logs, so on one server it need not be synced per put (7 times the rate).
    bucket("netmap", replicas, replicas === 1 ? { persist_mode: "async" } : {}),
    bucket("lease", replicas, {}),
    bucket("pending", replicas, {}),
    bucket("secret", replicas, {}),
  ];
}

function log(name: LogName, replicas: number, own: Readonly<Record<string, StreamSetting>>): StreamPlan {
  const { stored, feed } = logSubjects[name];
  return {
    name,
    subjects: [stored],
    settings: {
      ...base,
      num_replicas: replicas,
      max_msgs_per_subject: -1,
      discard: "old",
      duplicate_window: 120 * second,
      republish: { src: stored, dest: feed },
      ...own,
    },
  };
}

function bucket(
  name: BucketName,
  replicas: number,
  own: Readonly<Record<string, StreamSetting>>,
): StreamPlan {
  const stored = `${bucketPrefix(name)}>`;
  return {
    name: bucketStream(name),
    subjects: [stored],
    settings: {
      ...base,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      discard: "new",
      max_age: 0,
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: markerSeconds * second,
      ...(isWatched(name) ? { republish: { src: stored, dest: bucketFeed(name) } } : {}),
      ...own,
    },
  };
}
