// Which announced routes are served, and which of several routers of one prefix carries it. Subnet traffic by policy,
// health and stickiness of the election come with the routes issue; until then the lowest node id carries a prefix.

import type { Node } from "../domain/directory/state.ts";
import type { NodeId } from "../domain/ids.ts";

export const isExitRoute = (route: string): boolean => route === "0.0.0.0/0" || route === "::/0";

/** Announced and approved, without exit routes. */
export function servedSubnets(node: Node): readonly string[] {
  if (node.routes.length === 0 || node.approvedRoutes.length === 0) return [];
  const approved = new Set(node.approvedRoutes);
  return node.routes.filter((r) => !isExitRoute(r) && approved.has(r));
}

/** Both families go together: what is announced counts as soon as one of the pair is approved. */
export function servedExits(node: Node): readonly string[] {
  return node.approvedRoutes.some(isExitRoute) ? node.routes.filter(isExitRoute) : [];
}

export class RouteTable {
  private readonly routers = new Map<string, Set<NodeId>>();
  private readonly carrier = new Map<string, NodeId>();
  private readonly served = new Map<NodeId, readonly string[]>();

  /** Sets what a node serves; answers the other nodes whose carried prefixes changed by it. */
  update(id: NodeId, subnets: readonly string[]): readonly NodeId[] {
    const before = this.served.get(id) ?? [];
    if (before.length === 0 && subnets.length === 0) return [];
    if (subnets.length === 0) this.served.delete(id);
    else this.served.set(id, subnets);
    for (const route of before) this.routers.get(route)?.delete(id);
    for (const route of subnets) {
      const routers = this.routers.get(route) ?? new Set();
      routers.add(id);
      this.routers.set(route, routers);
    }
    const affected = new Set<NodeId>();
    for (const route of new Set([...before, ...subnets])) this.elect(route, affected);
    affected.delete(id);
    return [...affected];
  }

  /** The prefixes that the node carries, in the order in which it announces them. */
  carried(id: NodeId): readonly string[] {
    return (this.served.get(id) ?? []).filter((route) => this.carrier.get(route) === id);
  }

  private elect(route: string, affected: Set<NodeId>): void {
    const routers = this.routers.get(route);
    const before = this.carrier.get(route);
    let after: NodeId | undefined;
    for (const id of routers ?? []) if (after === undefined || id < after) after = id;
    if (routers?.size === 0) this.routers.delete(route);
    if (after === before) return;
    if (before !== undefined) affected.add(before);
    if (after === undefined) this.carrier.delete(route);
    else {
      affected.add(after);
      this.carrier.set(route, after);
    }
  }
}
