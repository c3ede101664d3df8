// Nodes that no rule tells apart form a class; who sees whom is settled between classes (protocol 7.6: a peer is
// whoever a rule lets reach me, or whom I may reach). A graph belongs to one compiled policy.

import type { NodeId } from "../domain/ids.ts";
import type { CompiledPolicy, SelectorId, Subject } from "../domain/policy/compiled.ts";
import type { Viewer } from "./dirty.ts";

export class NodeClass {
  readonly selectors: readonly SelectorId[];
  readonly members = new Set<NodeId>();
  readonly viewers = new Set<Viewer>();
  /** Classes whose members are peers of this one's, itself among them when its members see each other. */
  readonly sees = new Set<NodeClass>();
  /** Rules, by index, in which members are sources and targets. */
  readonly sourceOf: readonly number[];
  readonly targetOf: readonly number[];

  constructor(selectors: readonly SelectorId[], sourceOf: readonly number[], targetOf: readonly number[]) {
    this.selectors = selectors;
    this.sourceOf = sourceOf;
    this.targetOf = targetOf;
  }
}

interface RuleEnds {
  readonly sources: Set<NodeClass>;
  readonly targets: Set<NodeClass>;
}

export class ClassGraph {
  readonly policy: CompiledPolicy;
  private readonly byKey = new Map<string, NodeClass>();
  private readonly ends: readonly RuleEnds[];
  private readonly holders: readonly Set<NodeClass>[];
  private readonly sourceRules: readonly number[][];
  private readonly targetRules: readonly number[][];

  constructor(policy: CompiledPolicy) {
    this.policy = policy;
    this.ends = policy.rules.map(() => ({ sources: new Set<NodeClass>(), targets: new Set<NodeClass>() }));
    this.holders = policy.selectors.map(() => new Set<NodeClass>());
    this.sourceRules = policy.selectors.map(() => []);
    this.targetRules = policy.selectors.map(() => []);
    policy.rules.forEach((rule, index) => {
      for (const s of rule.sources) this.sourceRules[s]?.push(index);
      for (const t of rule.targets) this.targetRules[t.selector]?.push(index);
    });
  }

  /** The node's class, made if it is the first of its kind. */
  classify(subject: Subject): NodeClass {
    const selectors = this.policy.memberOf(subject);
    const key = selectors.join();
    let found = this.byKey.get(key);
    if (found === undefined) {
      found = new NodeClass(
        selectors,
        this.rulesOf(selectors, this.sourceRules),
        this.rulesOf(selectors, this.targetRules),
      );
      this.byKey.set(key, found);
      this.connect(found);
    }
    return found;
  }

  /** Forgets a class without members. */
  release(cls: NodeClass): void {
    if (cls.members.size > 0 || cls.viewers.size > 0) return;
    this.byKey.delete(cls.selectors.join());
    for (const other of cls.sees) other.sees.delete(cls);
    for (const s of cls.selectors) this.holders[s]?.delete(cls);
    for (const r of cls.sourceOf) this.ends[r]?.sources.delete(cls);
    for (const r of cls.targetOf) this.ends[r]?.targets.delete(cls);
  }

  /** Classes whose members the selector means. */
  holdersOf(selector: SelectorId): Iterable<NodeClass> {
    return this.holders[selector] ?? [];
  }

  /** Rules, by index, that name the selector as a source. */
  rulesFrom(selector: SelectorId): readonly number[] {
    return this.sourceRules[selector] ?? [];
  }

  /** Classes that the rule is a filter rule of. */
  targetsOf(rule: number): Iterable<NodeClass> {
    return this.ends[rule]?.targets ?? [];
  }

  private rulesOf(selectors: readonly SelectorId[], index: readonly number[][]): number[] {
    return [...new Set(selectors.flatMap((s) => index[s] ?? []))].sort((a, b) => a - b);
  }

  private connect(cls: NodeClass): void {
    for (const s of cls.selectors) this.holders[s]?.add(cls);
    for (const r of cls.sourceOf) this.ends[r]?.sources.add(cls);
    for (const r of cls.targetOf) this.ends[r]?.targets.add(cls);
    for (const r of cls.sourceOf) for (const other of this.ends[r]?.targets ?? []) cls.sees.add(other);
    for (const r of cls.targetOf) for (const other of this.ends[r]?.sources ?? []) cls.sees.add(other);
    for (const other of cls.sees) other.sees.add(cls);
  }
}
