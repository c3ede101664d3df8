// What the one port hands out: ordinary requests to one handler, upgrades by path.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface UpgradeRoute {
  /**
   * Owns the socket from here on, errors included. `head` holds bytes that arrived behind the request's head.
   * Time-outs of the HTTP server no longer apply: the route sets its own.
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Answers a request to the same path without an Upgrade header; absent: the ordinary handler does. */
  readonly plain?: RequestHandler;
}

/** Keyed by exact path without query, like "/ts2021". */
export type UpgradeTable = Readonly<Record<string, UpgradeRoute>>;

export const pathOf = (request: IncomingMessage): string => {
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
};
