// What a client says of itself, compared with what is stored. Nothing that only differs in order makes an event.

import type { ClientFacts } from "../commands.ts";
import { canonicalRoutes, sameData, sameSet, sortedSet } from "../canonical.ts";
import type { DirectoryEvent } from "../events.ts";
import { nameFor } from "../naming.ts";
import type { DirectoryState, Node } from "../state.ts";

/** More than any client advertises; what goes beyond is left out, since every peer would carry it. */
const maxRoutes = 1000;
const maxTags = 100;

/** Routes that are no prefixes are left out: one bad text must not cost a client its registration. */
export function canonicalFacts(facts: ClientFacts): ClientFacts {
  return {
    host: facts.host,
    routes: canonicalRoutes(facts.routes.slice(0, maxRoutes)).routes,
    requestTags: sortedSet(facts.requestTags.slice(0, maxTags)),
    capver: facts.capver,
  };
}

/** The event that brings the stored facts up to date; none when nothing differs. `facts` are canonical. */
export function hostChange(state: DirectoryState, node: Node, facts: ClientFacts): DirectoryEvent[] {
  const { host, routes, requestTags, capver } = facts;
  if (
    node.capver === capver &&
    sameSet(node.routes, routes) &&
    sameSet(node.requestTags, requestTags) &&
    sameData(node.host, host)
  ) {
    return [];
  }
  const name = nameFor(state, host.Hostname, node);
  return [{ kind: "NodeHostChanged", node: node.id, host, name, routes, requestTags, capver }];
}

/** A client may ask for an earlier expiry of its own key, never for a later one; a tagged node's key does not expire. */
export function shortened(node: Node, asked: number | null, now: number): DirectoryEvent[] {
  if (asked === null || asked <= now || node.user === null) return [];
  if (node.expiry !== null && node.expiry <= asked) return [];
  return [{ kind: "NodeExpirySet", node: node.id, expiry: asked }];
}
