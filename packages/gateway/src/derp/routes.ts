// The relay's plain HTTP: reachability probes that clients time, the captive-portal check, and the refusals.
// Each answers the request and returns true when the path is one of its own.
import type { IncomingMessage, ServerResponse } from "node:http";
import { upgradeRequired } from "./upgrade.ts";

const challengeForm = /^[A-Za-z0-9._:-]{1,64}$/;

export function handleDerpRoute(req: IncomingMessage, res: ServerResponse): boolean {
  const [path = ""] = (req.url ?? "").split("?", 1);
  switch (path) {
    case "/derp":
      // Upgrades do not come here: node:http gives them to the server's `upgrade` listener.
      answer(res, 426, upgradeRequired, { Upgrade: "DERP", Connection: "Upgrade" });
      return true;
    case "/derp/probe":
    case "/derp/latency-check":
      probe(req, res);
      return true;
    case "/generate_204":
      generate204(req, res);
      return true;
    case "/bootstrap-dns":
      // No names are resolved for strangers; an empty object sends the client to its next resort.
      answer(res, 200, "{}\n", { "Content-Type": "application/json" });
      return true;
    default:
      return false;
  }
}

function probe(req: IncomingMessage, res: ServerResponse): void {
  const cors = { "Access-Control-Allow-Origin": "*" };
  if (req.method === "GET" || req.method === "HEAD") answer(res, 200, "", cors);
  else answer(res, 405, "a probe is a GET or a HEAD\n", { ...cors, Allow: "GET, HEAD" });
}

/** The echo proves to the client that no captive portal answered in our place. */
function generate204(req: IncomingMessage, res: ServerResponse): void {
  const challenge = req.headers["x-tailscale-challenge"];
  if (typeof challenge === "string" && challengeForm.test(challenge))
    res.setHeader("X-Tailscale-Response", `response ${challenge}`);
  res.setHeader("Cache-Control", "no-cache, no-store, must-revalidate, no-transform, max-age=0");
  res.writeHead(204).end();
}

function answer(
  res: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  res.writeHead(status, {
    "Content-Type": "text/plain; charset=utf-8",
    ...headers,
    "Content-Length": Buffer.byteLength(body),
  });
  res.end(body);
}
