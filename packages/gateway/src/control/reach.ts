// What a map request says about where the node can be reached, bounded, and what of it is news.

import { sameSet } from "@hydrascale/core/domain/directory/canonical";
import type { Reach } from "@hydrascale/core/domain/live/events";
import type { LiveNode } from "@hydrascale/core/domain/live/state";
import { isZeroKey } from "@hydrascale/core/wire/keys";
import { boundServices, homeRegion } from "@hydrascale/core/wire/tailcfg/hostinfo";
import type { MapRequest } from "@hydrascale/core/wire/tailcfg/map";

/** Absent sub-objects keep what is stored: a missing NetInfo must not lose the home relay (protocol 6.2). */
export function reachOf(body: MapRequest): Reach {
  const home = body.Hostinfo === undefined ? undefined : homeRegion(body.Hostinfo);
  const services = body.Hostinfo?.Services;
  // An opening stream without endpoints has not found its own yet; a lite update without any has lost them.
  const saysEndpoints = body.Endpoints.length > 0 || !body.Stream;
  return {
    ...(saysEndpoints ? { endpoints: body.Endpoints } : {}),
    ...(isZeroKey(body.DiscoKey) ? {} : { discoKey: body.DiscoKey }),
    ...(home === undefined ? {} : { derp: home }),
    ...(services === undefined ? {} : { services: boundServices(services) }),
  };
}

/** The part of `reach` that differs from what is stored; undefined when nothing does. Another order is no difference. */
export function withoutUnchanged(reach: Reach, live: LiveNode | undefined): Reach | undefined {
  if (live === undefined) return reach;
  const news: Reach = {
    ...(reach.endpoints === undefined || sameSet(reach.endpoints, live.endpoints)
      ? {}
      : { endpoints: reach.endpoints }),
    ...(reach.discoKey === undefined || reach.discoKey === live.discoKey ? {} : { discoKey: reach.discoKey }),
    ...(reach.derp === undefined || reach.derp === live.derp ? {} : { derp: reach.derp }),
    ...(reach.services === undefined || JSON.stringify(reach.services) === JSON.stringify(live.services)
      ? {}
      : { services: reach.services }),
  };
  return Object.keys(news).length === 0 ? undefined : news;
}
