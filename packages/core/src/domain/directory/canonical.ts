// One form for lists that clients send in any order, and comparison that knows nothing of order.

import { comparePrefix, formatPrefix, isExitRoute, masked, parsePrefix } from "../../lib/ip.ts";
import type { Prefix } from "../../lib/ip.ts";

const tagPattern = /^tag:[A-Za-z][A-Za-z0-9-]*$/;
const maxTag = 128;

export const isTag = (tag: string): boolean => tag.length <= maxTag && tagPattern.test(tag);

/** Sorted, each once. */
export const sortedSet = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

export const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  sameList(sortedSet(a), sortedSet(b));

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Masked, sorted, each once; `bad` names the first that is no prefix. */
export function canonicalRoutes(routes: readonly string[]): {
  readonly routes: readonly string[];
  readonly bad?: string;
} {
  const prefixes: Prefix[] = [];
  let bad: string | undefined;
  for (const text of routes) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) bad ??= text;
    else prefixes.push(masked(prefix));
  }
  const sorted = [...new Set(prefixes.sort(comparePrefix).map(formatPrefix))];
  return bad === undefined ? { routes: sorted } : { routes: sorted, bad };
}

/** An exit node serves both families or none: either /0 brings the other. */
export function withExitPair(routes: readonly string[]): readonly string[] {
  const exit = routes.some((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && isExitRoute(prefix);
  });
  return exit ? canonicalRoutes([...routes, "0.0.0.0/0", "::/0"]).routes : routes;
}

/** Deep equality of plain data, whatever the order of members. */
export function sameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameData(value, right.get(key)))
  );
}
