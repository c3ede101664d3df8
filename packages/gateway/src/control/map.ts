// POST /machine/map in its three shapes (protocol 6.2). Every failure writes a status: a silent end would look like an
// empty success to the client.

import type { MachineKey } from "@hydrascale/core/domain/ids";
import type { Node } from "@hydrascale/core/domain/directory/state";
import type { Reach } from "@hydrascale/core/domain/live/events";
import type { Netmap } from "@hydrascale/core/netmap/engine";
import { isZeroKey } from "@hydrascale/core/wire/keys";
import { minCapver, minRelease } from "@hydrascale/core/wire/tailcfg/capability";
import { hostFacts } from "@hydrascale/core/wire/tailcfg/hostinfo";
import { parseMapRequest } from "@hydrascale/core/wire/tailcfg/map";
import type { MapRequest } from "@hydrascale/core/wire/tailcfg/map";
import type { Http2Request, Http2Response } from "../http2/port.ts";
import type { Sessions } from "../session/sessions.ts";
import type { TailnetService } from "../service.ts";
import { answerText } from "./answer.ts";
import type { Farewells } from "./farewell.ts";
import { reachOf, withoutUnchanged } from "./reach.ts";
import { lookUp } from "./register.ts";

export interface MapOptions {
  readonly service: TailnetService;
  readonly netmap: Netmap;
  readonly sessions: Sessions;
  readonly farewells: Farewells;
  /** Would UpdateHost change anything? Spares the log the usual case. */
  readonly hostDiffers: (node: Node, update: HostUpdate) => boolean;
  /** Appends NodeMoved against the node's current session; resolves once it counted. */
  readonly moved: (node: Node, reach: Reach) => Promise<boolean>;
}

export type HostUpdate = ReturnType<typeof hostFacts> & { readonly capver: number };

export async function handleMap(
  options: MapOptions,
  machineKey: MachineKey,
  request: Http2Request,
  response: Http2Response,
): Promise<void> {
  const parsed = parseMapRequest(request.body);
  if (!parsed.ok) return answerText(response, 400, parsed.error.message);
  const body = parsed.value;
  if (body.Version < minCapver)
    return answerText(
      response,
      400,
      `client too old (capability version ${body.Version}): please upgrade to Tailscale ${minRelease} or later`,
    );
  const nodeKey = body.NodeKey;
  if (isZeroKey(nodeKey)) return answerText(response, 400, "the node key is all zero");
  const node = await lookUp(options.service, nodeKey);
  if (node === "unavailable") return answerText(response, 503, "the server cannot reach its log: try again");
  if (node === undefined) {
    if (body.Stream && options.farewells.tell(machineKey, nodeKey, body, response)) return;
    return answerText(response, 404, "node not found");
  }
  if (node.machineKey !== machineKey) return answerText(response, 404, "node not found");
  if (body.Stream) return stream(options, node, body, response);
  if (body.OmitPeers) return lite(options, node, body, response);
  return once(options, node, body, response);
}

/** The main long poll. */
async function stream(
  options: MapOptions,
  node: Node,
  body: MapRequest,
  response: Http2Response,
): Promise<void> {
  const barrier = await options.service.barrier();
  if (!barrier.ok) return answerText(response, 503, barrier.error.message);
  response.respond(200, { "content-type": "application/json" });
  if (!body.ReadOnly) await updateHost(options, node, body);
  await options.sessions.connect({
    node: node.id,
    capver: body.Version,
    compress: body.Compress === "zstd",
    reach: body.ReadOnly ? {} : reachOf(body),
    response,
  });
}

/** Endpoints, home relay, disco key or host facts changed: stored, then answered with nothing. */
async function lite(
  options: MapOptions,
  node: Node,
  body: MapRequest,
  response: Http2Response,
): Promise<void> {
  if (!(await store(options, node, body)))
    return answerText(response, 503, "the update could not be stored: try again");
  response.respond(200, {});
  response.end();
}

/** One complete map and the end. */
async function once(
  options: MapOptions,
  node: Node,
  body: MapRequest,
  response: Http2Response,
): Promise<void> {
  await store(options, node, body);
  const barrier = await options.service.barrier();
  if (!barrier.ok) return answerText(response, 503, barrier.error.message);
  const session = options.netmap.open({
    node: node.id,
    capver: body.Version,
    compress: body.Compress === "zstd",
    onDirty: () => undefined,
  });
  if (session === undefined) return answerText(response, 404, "node not found");
  response.respond(200, { "content-type": "application/json" });
  for (const frame of session.full()) response.write(frame);
  session.close();
  response.end();
}

/** What is new in a request, in both logs; false when it could not be stored. */
async function store(options: MapOptions, node: Node, body: MapRequest): Promise<boolean> {
  if (body.ReadOnly) return true;
  const reach = withoutUnchanged(reachOf(body), options.service.live.live.get(node.id));
  const [hosted, moved] = await Promise.all([
    updateHost(options, node, body),
    reach === undefined ? true : options.moved(node, reach),
  ]);
  return hosted && moved;
}

/** Hostname, routes, tags, versions are decisions (EVT). Absent Hostinfo keeps what is stored. */
async function updateHost(options: MapOptions, node: Node, body: MapRequest): Promise<boolean> {
  if (body.Hostinfo === undefined) return true;
  const update: HostUpdate = { ...hostFacts(body.Hostinfo), capver: body.Version };
  if (!options.hostDiffers(node, update)) return true;
  const done = await options.service.execute(
    {
      kind: "UpdateHost",
      node: node.id,
      nodeKey: node.nodeKey,
      host: update.host,
      routes: update.routes,
      requestTags: update.requestTags,
      capver: update.capver,
    },
    { by: { kind: "node", machineKey: node.machineKey } },
  );
  return done.ok || done.error.code !== "unavailable";
}
