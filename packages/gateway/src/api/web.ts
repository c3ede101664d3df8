// Joins everything that answers plain HTTP on the public port into one handler. Metrics are never served here.

import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { problem } from "@hydrascale/core/lib/errors";
import { problemResponse } from "./problem.ts";

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;
/** Says whether the request was its own; when it was, it answers. */
export type MaybeHandler = (req: IncomingMessage, res: ServerResponse) => boolean;

export interface WebOptions {
  readonly api: Hono;
  /** Absent on the unix socket. */
  readonly pages?: Hono;
  /** Answers `/key`. */
  readonly key?: Handler;
  /** Asked first, in this order. */
  readonly handlers: readonly MaybeHandler[];
  readonly onBug: (error: unknown) => void;
}

const securityHeaders: Readonly<Record<string, string>> = {
  "X-Frame-Options": "DENY",
  "Content-Security-Policy": "frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

const pathOf = (req: IncomingMessage): string => (req.url ?? "/").split("?", 1)[0] ?? "/";

export function createWeb(options: WebOptions): Handler {
  const app = new Hono();
  if (options.pages !== undefined) app.route("/", options.pages);
  // mounted by hand, since the API answers unknown paths and exceptions in its own way
  app.all("/api/*", (c) => options.api.fetch(c.req.raw, c.env));
  app.notFound((c) => problemResponse(problem("not-found", "no such path"), c.req.header("accept")));
  app.onError((error, c) => {
    options.onBug(error);
    return problemResponse(problem("internal", "internal error"), c.req.header("accept"));
  });
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // Load balancers ask for /health in HTTP/1.0, where a request has no Host.
    hostname: "localhost",
  });
  return (req, res) => {
    for (const [name, value] of Object.entries(securityHeaders)) res.setHeader(name, value);
    if (options.key !== undefined && pathOf(req) === "/key") return options.key(req, res);
    for (const handler of options.handlers) if (handler(req, res)) return undefined;
    listener(req, res).catch(options.onBug);
    return undefined;
  };
}
