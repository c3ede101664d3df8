// The metrics listener: `/metrics` and nothing else, on an address of its own, so that what is public never shows it.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { formatListen, type ListenAddress } from "../config/address.ts";
import { problem, type Problem } from "../lib/errors.ts";
import { err, ok, type Result } from "../lib/result.ts";
import type { Metrics } from "./metrics.ts";

export interface MetricsListener {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

function serve(metrics: Metrics): Server {
  return createServer(
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      const [path] = (request.url ?? "").split("?");
      if (path !== "/metrics") return void response.writeHead(404).end("only /metrics is here\n");
      if (request.method !== "GET" && request.method !== "HEAD")
        return void response.writeHead(405, { allow: "GET, HEAD" }).end();
      metrics.text().then(
        (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
        () => response.writeHead(500).end("metrics cannot be collected\n"),
      );
      return undefined;
    },
  );
}

export async function serveMetrics(
  metrics: Metrics,
  listen: ListenAddress,
): Promise<Result<MetricsListener, Problem>> {
  const server = serve(metrics);
  server.maxConnections = 64;
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once("error", resolve);
    server.listen(listen.port, listen.host === "" ? undefined : listen.host, () => resolve(undefined));
  });
  if (failure !== undefined) return err(listenProblem(failure, "metrics_listen_addr", formatListen(listen)));
  server.removeAllListeners("error");
  server.on("error", () => undefined);
  const bound = server.address() as AddressInfo; // a TCP server that listens has one
  return ok({
    address: { host: bound.address, port: bound.port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** Why a listener cannot be had, naming the setting that chose the address. */
export function listenProblem(error: NodeJS.ErrnoException, key: string, value: string): Problem {
  const why = reasons[error.code ?? ""];
  const at = `${key} = ${value}`;
  if (why === undefined)
    return problem("setup", `${at}: ${error.code ?? error.message}`, `choose another ${key}`);
  return problem("setup", `${at}: ${why[0]}`, why[1].replace("KEY", key));
}

const reasons: Readonly<Record<string, readonly [why: string, todo: string]>> = {
  EADDRINUSE: ["the port is in use", "end what uses it, or choose another KEY"],
  EACCES: [
    "no permission to listen there",
    "choose a port from 1024 on, or give the process the right to it",
  ],
  EADDRNOTAVAIL: ["this machine has no such address", "choose one that it has"],
  ENOTFOUND: ["there is no such host", "write an address"],
};
