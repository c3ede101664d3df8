// What each role may do on the server: the least that works. A gateway cannot write documents, a projector cannot write
// logs, and neither can create, delete or purge a stream, or make a consumer.

import { bucketStream } from "../jetstream/settings.ts";
import type { BucketName } from "../jetstream/settings.ts";

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly allow_responses?: boolean;
}

const buckets: readonly BucketName[] = ["netmap", "lease", "pending", "secret"];

const reading = (streams: readonly string[]): string[] => [
  "$JS.API.INFO",
  ...streams.flatMap((stream) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
  ]),
];

export const gatewayPermissions: Permissions = {
  publish: [
    "evt.>",
    "act.>",
    "$KV.lease.>",
    "$KV.pending.>",
    "$KV.secret.>",
    ...reading(["EVT", "ACT", ...buckets.map(bucketStream)]),
  ],
  subscribe: ["_INBOX.gateway.>", "feed.>", "cmd.>"],
  allow_responses: true,
};

export const projectorPermissions: Permissions = {
  publish: ["$KV.netmap.>", "$KV.lease.>", ...reading(["EVT", "ACT", ...buckets.map(bucketStream)])],
  subscribe: ["_INBOX.projector.>", "feed.>"],
};
