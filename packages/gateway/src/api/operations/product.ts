// Operations of our own: health, what runs, what is wrong, signs of life, and the audit.

import { z } from "@hono/zod-openapi";
import { ok } from "@hydrascale/core/lib/result";
import { streamEvents } from "../events.ts";
import { findNode } from "../find.ts";
import { flag } from "../input.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";

const tag = "hydrascale";

const health = operation({
  id: "health",
  method: "get",
  path: "/api/v1/health",
  tag: "health",
  summary: "Whether the log can be reached.",
  answer: z.object({ databaseConnectivity: z.boolean() }),
  reads: "fold",
  async run(_, call) {
    const barrier = await call.service.barrier();
    return ok({ databaseConnectivity: barrier.ok });
  },
});

const status = operation({
  id: "status",
  method: "get",
  path: "/api/v1/status",
  tag,
  summary: "Gateways, projectors, NATS, lag, connected nodes.",
  answer: z.object({
    version: z.string(),
    tailnet: z.string(),
    gateways: z.array(
      z.object({
        boot: z.string(),
        version: z.string(),
        addresses: z.array(z.string()),
        state: z.string(),
        self: z.boolean(),
      }),
    ),
    projectors: z.array(
      z.object({ id: z.string(), version: z.string(), state: z.string(), lag: z.number() }),
    ),
    nats: z.object({ connected: z.boolean(), server: z.string(), version: z.string() }),
    log: z.object({ folded: z.number(), head: z.number() }),
    nodes: z.number(),
    connectedNodes: z.number(),
  }),
  reads: "fold",
  async run(_, call) {
    return ok(await call.options.status());
  },
});

const doctor = operation({
  id: "doctor",
  method: "get",
  path: "/api/v1/doctor",
  tag,
  summary: "What is wrong with this installation, and what to do about it.",
  answer: z.object({
    findings: z.array(
      z.object({
        level: z.enum(["ok", "warning", "error"]),
        subject: z.string(),
        message: z.string(),
        hint: z.string().optional(),
      }),
    ),
  }),
  reads: "fold",
  async run(_, call) {
    return ok(await call.options.doctor());
  },
});

const pingNode = operation({
  id: "pingNode",
  method: "post",
  path: "/api/v1/node/{nodeId}/ping",
  tag,
  summary: "Ask a connected client for a sign of life over its stream.",
  params: z.object({ nodeId: z.string() }),
  answer: z.object({ milliseconds: z.number() }),
  async run({ params }, call) {
    const node = findNode(call.directory, params.nodeId);
    if (!node.ok) return node;
    const ping = await call.service.pingNode(node.value.id);
    return ping.ok ? ok({ milliseconds: ping.value }) : ping;
  },
});

const events = operation({
  id: "events",
  method: "get",
  path: "/api/v1/events",
  tag,
  summary:
    "The audit: who changed what and when, one JSON object a line. Empty lines only keep the connection alive.",
  query: z.object({
    since: z.string().default("").openapi({
      description: "only what came after: a sequence, a time (2006-01-02T15:04:05Z) or an age (90m, 2d)",
    }),
    kind: z.string().default("").openapi({ description: "kinds of events, separated by commas" }),
    node: z.string().default("").openapi({ description: "name or id of the node that it is about" }),
    follow: flag.optional().openapi({ description: "stay connected for what comes" }),
  }),
  answer: z
    .object({
      seq: z.number().openapi({ description: "place in the log; entries of one decision share it" }),
      time: z.string(),
      id: z.string().openapi({ description: "command id" }),
      by: z.object({ kind: z.string() }).nullable(),
      kind: z.string(),
      summary: z.string(),
      event: z.record(z.string(), z.unknown()).nullable(),
    })
    .openapi("AuditEntry"),
  mediaType: "application/x-ndjson",
  async run({ query }, call) {
    return streamEvents(query, call);
  },
});

export const productOperations: readonly Operation[] = [health, status, doctor, pingNode, events];
