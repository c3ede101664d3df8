// DNS labels for nodes: what a client calls itself becomes a valid, unique, stable label. One bad name must never
// break another node's map, so nothing is passed through that is not a label (reports S17, S18).

import type { DirectoryState, Node } from "./state.ts";
import type { NodeId } from "../ids.ts";

const fallback = "node";
const maxLabel = 63;
const maxName = 255;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Names that mean the own machine everywhere; as a peer's label they would be misleading at best. */
const reserved: ReadonlySet<string> = new Set(["localhost"]);

/** The label that a hostname asks for, before it is made unique. */
export function labelOf(hostname: string | undefined, longest: number = maxLabel): string {
  const text = (hostname ?? "")
    .toLowerCase()
    .replace(/\.(?:local|localdomain|lan)$/, "")
    .replace(/[\s._@]+/g, "-")
    .replace(/[^a-z0-9-]/g, "")
    .replace(/-+/g, "-");
  const made = cut(text.replace(/^-/, ""), longest);
  return made === "" || reserved.has(made) ? fallback : made;
}

const cut = (text: string, length: number): string => text.slice(0, length).replace(/-+$/, "");

/** How long a label may be so that the full name with its final dot stays within 255 bytes. */
export function longestLabel(state: DirectoryState): number {
  const base = state.settings.get("settings")?.settings.dns.baseDomain ?? "";
  return Math.max(1, Math.min(maxLabel, maxName - base.length - 2));
}

/** What is wrong with a label that somebody chose; undefined when nothing is. */
export function labelProblem(state: DirectoryState, name: string): string | undefined {
  if (!label.test(name)) {
    return "a name is 1 to 63 characters of a-z, 0-9 and -, and neither begins nor ends with -";
  }
  if (reserved.has(name)) return `${name} is reserved`;
  if (name.length > longestLabel(state)) return "the full name would be longer than 255 bytes";
  return undefined;
}

/**
 * The label for a node with this hostname. A node keeps the one it has when an administrator chose it, when its
 * hostname is what it was, or when its label already follows from the new hostname: no swap under a running node.
 */
export function nameFor(state: DirectoryState, hostname: string | undefined, node: Node | undefined): string {
  const base = labelOf(hostname, longestLabel(state));
  if (node !== undefined) {
    if (node.nameChosen || node.host.Hostname === hostname || follows(node.name, base)) return node.name;
  }
  return uniqueName(state, base, node?.id);
}

/** Is `name` the base itself, or the base with a number behind it? */
function follows(name: string, base: string): boolean {
  if (name === base) return true;
  const suffix = /-[1-9][0-9]*$/.exec(name)?.[0];
  return suffix !== undefined && name.length > suffix.length && name === withSuffix(base, suffix);
}

const withSuffix = (base: string, suffix: string): string => cut(base, maxLabel - suffix.length) + suffix;

/** `base`, else the first free of -1, -2 …; among very many, some free one found in logarithmic time. */
function uniqueName(state: DirectoryState, base: string, own: NodeId | undefined): string {
  const longest = longestLabel(state);
  const at = (n: number): string => (n === 0 ? base : cutTo(base, `-${n}`, longest));
  const free = (n: number): boolean => {
    const holder = state.index.nodeByName(at(n));
    return holder === undefined || holder === own;
  };
  let taken = 0;
  for (; taken < 32; taken++) if (free(taken)) return at(taken);
  // Somewhere between a taken and a free number there is a free one behind a taken one.
  let open = taken * 2;
  while (!free(open)) open *= 2;
  while (open - taken > 1) {
    const middle = (open + taken) >> 1;
    if (free(middle)) open = middle;
    else taken = middle;
  }
  return at(open);
}

const cutTo = (base: string, suffix: string, longest: number): string =>
  cut(base, Math.max(1, longest - suffix.length)) + suffix;
