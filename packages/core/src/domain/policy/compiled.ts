// What a policy is once compiled: rules over selectors. A selector names a set of nodes symbolically; which nodes
// those are is worked out per node, so that one node joining costs only the selectors that it matches.

import type { User } from "../directory/state.ts";

/** Ends of a port range, both included. */
export interface PortRange {
  readonly First: number;
  readonly Last: number;
}

export const allPorts: PortRange = { First: 0, Last: 65535 };

/** What a selector is asked about: one node as policies see it. */
export interface Subject {
  readonly addresses: readonly string[];
  /** Subnet routes that it announces and that are approved; without exit routes. */
  readonly routes: readonly string[];
  readonly tags: readonly string[];
  /** Undefined for tagged nodes. */
  readonly user: User | undefined;
}

/** A source or destination as a rule names it. `ips` is what it stands for beside nodes: literal prefixes. */
export type Selector =
  | { readonly kind: "any" }
  | { readonly kind: "users"; readonly names: readonly string[] }
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "member" }
  | { readonly kind: "tagged" }
  | { readonly kind: "prefix"; readonly prefix: string };

/** Index into `CompiledPolicy.selectors`. */
export type SelectorId = number;

export interface RuleTarget {
  readonly selector: SelectorId;
  readonly ports: readonly PortRange[];
}

export interface Rule {
  readonly sources: readonly SelectorId[];
  readonly targets: readonly RuleTarget[];
  /** IP protocol numbers; empty = TCP, UDP and ICMP of both families. */
  readonly protocols: readonly number[];
}

export interface CompiledPolicy {
  readonly selectors: readonly Selector[];
  readonly rules: readonly Rule[];
  /** There is no policy, or one without rule lists: `*` is everything, not only the tailnet. */
  readonly open: boolean;
  /** Ids of the selectors that the node belongs to, ascending. */
  memberOf(subject: Subject): readonly SelectorId[];
  /** The node's addresses and routes that the selector means; a prefix may mean only some. */
  covers(selector: SelectorId, subject: Subject): readonly string[];
}

/** Nothing is forbidden: what counts while there is no policy. */
export const openPolicy: CompiledPolicy = {
  selectors: [{ kind: "any" }],
  rules: [{ sources: [0], targets: [{ selector: 0, ports: [allPorts] }], protocols: [] }],
  open: true,
  memberOf: () => [0],
  covers: () => ["*"],
};

/** Nothing is allowed: an empty rule list, or a stored text that this release cannot compile. */
export const closedPolicy: CompiledPolicy = {
  selectors: [],
  rules: [],
  open: false,
  memberOf: () => [],
  covers: () => [],
};
