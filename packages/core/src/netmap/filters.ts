// Packet filters (protocol 8.7) per class. Sources are spelled out once per rule and shared; a class whose rules all
// aim at `*` has one text for all its members, others get their own addresses as destinations.

import type { Settings } from "../domain/directory/settings.ts";
import type { NodeId } from "../domain/ids.ts";
import type { Rule, RuleTarget, SelectorId } from "../domain/policy/compiled.ts";
import { contains, parsePrefix } from "../lib/ip.ts";
import type { NetPortRange } from "../wire/tailcfg/filter.ts";
import type { ClassGraph, NodeClass } from "./classes.ts";
import type { NodeView } from "./view.ts";

/** What `*` means as a source: the tailnet's ranges, so that whatever a subnet router forwards does not count. */
const TAILNET = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"];

/** Ranges that nodes may have addresses in; a configured one outside the usual ones counts too. */
export function tailnetRanges(prefixes: Settings["prefixes"]): readonly string[] {
  const usual = TAILNET.flatMap((text) => parsePrefix(text) ?? []);
  const unusual = [prefixes.v4, prefixes.v6].filter((text) => {
    const prefix = text === null ? undefined : parsePrefix(text);
    return prefix !== undefined && !usual.some((u) => u.bits <= prefix.bits && contains(u, prefix.addr));
  });
  return [...TAILNET, ...unusual.filter((text) => text !== null)];
}

/** One rule as a class receives it: everything before the destinations, and the destinations. */
interface Part {
  readonly head: string;
  readonly targets: readonly RuleTarget[];
}

interface Template {
  readonly parts: readonly Part[];
  /** The same for two classes, or two times, when their members' filters differ by own addresses only. */
  readonly stamp: string;
  /** The filter itself, when all members have the same. */
  readonly shared: string | undefined;
}

export interface Filter {
  readonly stamp: string;
  /** What of the node the filter depends on; "" when on nothing. */
  readonly own: string;
  readonly text: string;
  readonly shared: boolean;
}

export class Filters {
  private usual: readonly string[];
  private readonly graph: ClassGraph;
  private readonly views: ReadonlyMap<NodeId, NodeView>;
  private readonly heads = new Map<number, string>();
  private readonly templates = new Map<NodeClass, Template>();
  private readonly sources = new Map<SelectorId, readonly string[]>();

  constructor(graph: ClassGraph, views: ReadonlyMap<NodeId, NodeView>, ranges: readonly string[]) {
    this.usual = ranges;
    this.graph = graph;
    this.views = views;
  }

  get ranges(): readonly string[] {
    return this.usual;
  }

  /** What `*` stands for as a source has changed. */
  setRanges(ranges: readonly string[]): void {
    if (ranges.join() === this.usual.join()) return;
    this.usual = ranges;
    this.heads.clear();
    this.templates.clear();
  }

  /** Who the selector means has changed. Answers the classes whose filters may differ by it. */
  selectorChanged(selector: SelectorId): Set<NodeClass> {
    const affected = new Set<NodeClass>();
    const kind = this.graph.policy.selectors[selector]?.kind;
    if (kind === "any" || kind === "prefix") return affected; // written symbolically
    this.sources.delete(selector);
    for (const rule of this.graph.rulesFrom(selector)) {
      this.heads.delete(rule);
      for (const cls of this.graph.targetsOf(rule)) {
        this.templates.delete(cls);
        affected.add(cls);
      }
    }
    return affected;
  }

  forget(cls: NodeClass): void {
    this.templates.delete(cls);
  }

  /** `text` is made when asked for. */
  filterOf(cls: NodeClass, view: NodeView): Filter {
    const template = this.template(cls);
    if (template.shared !== undefined)
      return { stamp: template.stamp, own: "", text: template.shared, shared: true };
    const render = () => this.render(template.parts, view);
    return {
      stamp: template.stamp,
      own: `${view.subject.addresses.join()};${view.subject.routes.join()}`,
      get text() {
        return render();
      },
      shared: false,
    };
  }

  private template(cls: NodeClass): Template {
    let found = this.templates.get(cls);
    if (found === undefined) {
      found = this.build(cls);
      this.templates.set(cls, found);
    }
    return found;
  }

  private build(cls: NodeClass): Template {
    const mine = new Set(cls.selectors);
    const parts: Part[] = [];
    let own = false;
    for (const index of cls.targetOf) {
      const rule = this.graph.policy.rules[index];
      const head = rule && this.head(index, rule);
      if (rule === undefined || head === undefined) continue;
      const targets = rule.targets.filter((t) => mine.has(t.selector));
      own ||= targets.some((t) => this.graph.policy.selectors[t.selector]?.kind !== "any");
      parts.push({ head, targets });
    }
    const stamp = parts.map((p) => `${p.head}${JSON.stringify(p.targets)}`).join();
    return { parts, stamp, shared: own ? undefined : this.render(parts, undefined) };
  }

  private render(parts: readonly Part[], view: NodeView | undefined): string {
    const rules: string[] = [];
    for (const { head, targets } of parts) {
      const ports: NetPortRange[] = [];
      for (const target of targets)
        for (const IP of this.destinations(target.selector, view))
          for (const Ports of target.ports) ports.push({ IP, Ports });
      if (ports.length > 0) rules.push(`${head}${JSON.stringify(ports)}}`);
    }
    return `[${rules.join()}]`;
  }

  private destinations(selector: SelectorId, view: NodeView | undefined): readonly string[] {
    if (this.graph.policy.selectors[selector]?.kind === "any") return ["*"];
    return view === undefined ? [] : this.graph.policy.covers(selector, view.subject);
  }

  /** Undefined: the rule has no source at all at present. */
  private head(index: number, rule: Rule): string | undefined {
    let head = this.heads.get(index);
    if (head === undefined) {
      const ips = [...new Set(rule.sources.flatMap((s) => this.sourceIps(s)))];
      const proto = rule.protocols.length > 0 ? `,"IPProto":${JSON.stringify(rule.protocols)}` : "";
      head = ips.length === 0 ? "" : `{"SrcIPs":${JSON.stringify(ips)}${proto},"DstPorts":`;
      this.heads.set(index, head);
    }
    return head === "" ? undefined : head;
  }

  private sourceIps(id: SelectorId): readonly string[] {
    const selector = this.graph.policy.selectors[id];
    if (selector === undefined) return [];
    if (selector.kind === "any") return this.graph.policy.open ? ["*"] : this.usual;
    if (selector.kind === "prefix") return [selector.prefix];
    let ips = this.sources.get(id);
    if (ips === undefined) {
      const members = [...this.graph.holdersOf(id)].flatMap((cls) => [...cls.members]);
      members.sort((a, b) => a - b);
      ips = members.flatMap((m) => this.views.get(m)?.subject.addresses ?? []);
      this.sources.set(id, ips);
    }
    return ips;
  }
}
