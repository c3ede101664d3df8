// The nodes of a tailnet as the netmap knows them: views, classes, filters and open streams. Brings nodes up to date
// with the folds and marks every viewer that has to be told, at a cost that follows what changed and who may see it.

import type { DirectoryState } from "../domain/directory/state.ts";
import type { NodeId } from "../domain/ids.ts";
import type { LiveState } from "../domain/live/state.ts";
import type { CompiledPolicy, SelectorId } from "../domain/policy/compiled.ts";
import { ClassGraph } from "./classes.ts";
import type { NodeClass } from "./classes.ts";
import type { Viewer } from "./dirty.ts";
import type { FieldName, TailnetTexts } from "./fields.ts";
import { Filters } from "./filters.ts";
import { RouteTable, servedSubnets } from "./routes.ts";
import { compareClasses } from "./regroup.ts";
import { NodeView, compareViews } from "./view.ts";

const none: ReadonlySet<NodeClass> = new Set();

export class Population {
  readonly views = new Map<NodeId, NodeView>();
  readonly viewers = new Map<NodeId, Set<Viewer>>();
  filters: Filters;
  private readonly directory: DirectoryState;
  private readonly live: LiveState;
  private readonly now: () => number;
  private readonly classes = new Map<NodeId, NodeClass>();
  private readonly routes = new RouteTable();
  private graph: ClassGraph;

  constructor(
    directory: DirectoryState,
    live: LiveState,
    policy: CompiledPolicy,
    ranges: readonly string[],
    now: () => number,
  ) {
    this.directory = directory;
    this.live = live;
    this.now = now;
    this.graph = new ClassGraph(policy);
    this.filters = new Filters(this.graph, this.views, ranges);
  }

  classOf(id: NodeId): NodeClass | undefined {
    return this.classes.get(id);
  }

  sees(a: NodeId, b: NodeId): boolean {
    const other = this.classes.get(b);
    return a !== b && other !== undefined && (this.classes.get(a)?.sees.has(other) ?? false);
  }

  attach(viewer: Viewer): void {
    const own = this.viewers.get(viewer.node) ?? new Set();
    own.add(viewer);
    this.viewers.set(viewer.node, own);
    this.classes.get(viewer.node)?.viewers.add(viewer);
  }

  detach(viewer: Viewer): void {
    const own = this.viewers.get(viewer.node);
    own?.delete(viewer);
    if (own?.size === 0) this.viewers.delete(viewer.node);
    this.classes.get(viewer.node)?.viewers.delete(viewer);
  }

  /** Marks fields of all streams. */
  markAll(names: readonly FieldName[]): void {
    for (const own of this.viewers.values())
      for (const viewer of own) for (const name of names) viewer.dirty.fields.add(name);
  }

  /** Brings nodes up to date with the tables. */
  refresh(ids: ReadonlySet<NodeId>, texts: TailnetTexts): void {
    const due = new Set(ids);
    for (const id of ids) {
      const node = this.directory.nodes.get(id);
      for (const other of this.routes.update(id, node === undefined ? [] : servedSubnets(node)))
        due.add(other);
    }
    for (const id of due) this.replace(id, this.build(id, texts), texts);
  }

  /** Changes the rules under all nodes. */
  setPolicy(policy: CompiledPolicy): void {
    const before = new Map(this.classes);
    this.graph = new ClassGraph(policy);
    this.filters = new Filters(this.graph, this.views, this.filters.ranges);
    for (const [id, view] of this.views) {
      const cls = this.graph.classify(view.subject);
      this.classes.set(id, cls);
      cls.members.add(id);
      for (const viewer of this.viewers.get(id) ?? []) cls.viewers.add(viewer);
    }
    compareClasses(before, this.classes, (id) => this.viewers.get(id) ?? []);
    this.markAll(["PacketFilter"]);
  }

  private build(id: NodeId, texts: TailnetTexts): NodeView | undefined {
    const node = this.directory.nodes.get(id);
    if (node === undefined) return undefined;
    const input = {
      node,
      live: this.live.live.get(id),
      user: node.user === null ? undefined : this.directory.users.get(node.user),
      subnets: servedSubnets(node),
      carried: this.routes.carried(id),
      baseDomain: texts.settings.dns.baseDomain,
      expired: node.expiry !== null && node.expiry <= this.now(),
    };
    return new NodeView(input, this.views.get(id));
  }

  private replace(id: NodeId, after: NodeView | undefined, texts: TailnetTexts): void {
    const before = this.views.get(id);
    if (before === undefined && after === undefined) return;
    const from = this.classes.get(id);
    if (after === undefined) this.views.delete(id);
    else this.views.set(id, after);
    const to = after && this.graph.classify(after.subject);
    if (from !== to) this.move(id, from, to);
    this.tellOthers(id, before, after, from?.sees ?? none, to?.sees ?? none);
    this.tellSelf(id, before, after, texts);
    this.tellFilters(before, after, from, to);
    if (from !== to && from !== undefined) {
      this.graph.release(from);
      if (from.members.size === 0) this.filters.forget(from);
    }
  }

  private move(id: NodeId, from: NodeClass | undefined, to: NodeClass | undefined): void {
    const own = this.viewers.get(id) ?? [];
    from?.members.delete(id);
    to?.members.add(id);
    for (const viewer of own) {
      from?.viewers.delete(viewer);
      to?.viewers.add(viewer);
    }
    if (to === undefined) this.classes.delete(id);
    else this.classes.set(id, to);
    const was = from?.sees ?? none;
    const is = to?.sees ?? none;
    for (const viewer of own) {
      viewer.dirty.fields.add("PacketFilter");
      for (const cls of was)
        if (!is.has(cls)) for (const peer of cls.members) if (peer !== id) viewer.dirty.gone.add(peer);
      for (const cls of is)
        if (!was.has(cls)) for (const peer of cls.members) if (peer !== id) viewer.dirty.come.add(peer);
    }
  }

  private tellOthers(
    id: NodeId,
    before: NodeView | undefined,
    after: NodeView | undefined,
    was: ReadonlySet<NodeClass>,
    is: ReadonlySet<NodeClass>,
  ): void {
    for (const cls of was)
      if (!is.has(cls)) for (const v of cls.viewers) if (v.node !== id) v.dirty.gone.add(id);
    const change = before && after && compareViews(before, after);
    for (const cls of is) {
      const known = was.has(cls);
      if (known && change !== undefined && !change.whole && !change.anew && change.bits === 0) continue;
      for (const v of cls.viewers) {
        if (v.node === id) continue;
        const { dirty } = v;
        if (!known) dirty.come.add(id);
        else if (change?.anew) {
          dirty.gone.add(id);
          dirty.come.add(id);
        } else if (change !== undefined) {
          if (change.whole) dirty.changed.add(id);
          if (change.bits !== 0) dirty.patch(id, change.bits);
        }
      }
    }
  }

  private tellSelf(
    id: NodeId,
    before: NodeView | undefined,
    after: NodeView | undefined,
    texts: TailnetTexts,
  ): void {
    const own = this.viewers.get(id);
    if (own === undefined) return;
    const a = before?.input;
    const b = after?.input;
    const stable =
      a?.node === b?.node &&
      a?.expired === b?.expired &&
      a?.baseDomain === b?.baseDomain &&
      a?.carried.join() === b?.carried.join();
    if (stable) return;
    for (const viewer of own) {
      viewer.dirty.fields.add("Node").add("PacketFilter");
      if (texts.dnsPerDevice) viewer.dirty.fields.add("DNSConfig");
    }
  }

  /** Filters spell out the addresses of sources: tells those whose sources changed. */
  private tellFilters(
    before: NodeView | undefined,
    after: NodeView | undefined,
    from: NodeClass | undefined,
    to: NodeClass | undefined,
  ): void {
    const moved = before?.subject.addresses.join() !== after?.subject.addresses.join();
    if (from === to && !moved) return;
    const was = new Set<SelectorId>(from?.selectors);
    const is = new Set<SelectorId>(to?.selectors);
    const affected = new Set<NodeClass>();
    for (const selector of new Set([...was, ...is])) {
      if (!moved && was.has(selector) && is.has(selector)) continue;
      for (const cls of this.filters.selectorChanged(selector)) affected.add(cls);
    }
    for (const cls of affected) for (const v of cls.viewers) v.dirty.fields.add("PacketFilter");
  }
}
