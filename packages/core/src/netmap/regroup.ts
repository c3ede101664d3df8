// A new policy puts nodes into new classes. Nodes that went from one class to the same other one are a group, and
// what becomes visible or invisible is settled between groups, at a cost that follows what the policies show.

import type { NodeId } from "../domain/ids.ts";
import type { NodeClass } from "./classes.ts";
import type { Viewer } from "./dirty.ts";

interface Group {
  readonly from: NodeClass;
  readonly to: NodeClass;
  readonly members: NodeId[];
  readonly viewers: Viewer[];
}

/** Marks every viewer with the peers that came and went. */
export function compareClasses(
  before: ReadonlyMap<NodeId, NodeClass>,
  after: ReadonlyMap<NodeId, NodeClass>,
  viewersOf: (id: NodeId) => Iterable<Viewer>,
): void {
  const groups = groupNodes(before, after, viewersOf);
  const byFrom = indexBy(groups, (group) => group.from);
  const byTo = indexBy(groups, (group) => group.to);
  for (const mine of groups) {
    if (mine.viewers.length === 0) continue;
    for (const cls of mine.from.sees)
      for (const theirs of byFrom.get(cls) ?? [])
        if (!mine.to.sees.has(theirs.to)) mark(mine.viewers, theirs.members, "gone");
    for (const cls of mine.to.sees)
      for (const theirs of byTo.get(cls) ?? [])
        if (!mine.from.sees.has(theirs.from)) mark(mine.viewers, theirs.members, "come");
  }
}

function mark(viewers: readonly Viewer[], ids: readonly NodeId[], what: "come" | "gone"): void {
  for (const viewer of viewers) for (const id of ids) if (id !== viewer.node) viewer.dirty[what].add(id);
}

function groupNodes(
  before: ReadonlyMap<NodeId, NodeClass>,
  after: ReadonlyMap<NodeId, NodeClass>,
  viewersOf: (id: NodeId) => Iterable<Viewer>,
): Group[] {
  const groups: Group[] = [];
  const found = new Map<NodeClass, Map<NodeClass, Group>>();
  for (const [id, to] of after) {
    const from = before.get(id);
    if (from === undefined) continue;
    const targets = found.get(from) ?? new Map<NodeClass, Group>();
    found.set(from, targets);
    let group = targets.get(to);
    if (group === undefined) {
      group = { from, to, members: [], viewers: [] };
      targets.set(to, group);
      groups.push(group);
    }
    group.members.push(id);
    group.viewers.push(...viewersOf(id));
  }
  return groups;
}

function indexBy(groups: readonly Group[], key: (group: Group) => NodeClass): Map<NodeClass, Group[]> {
  const index = new Map<NodeClass, Group[]>();
  for (const group of groups) {
    const list = index.get(key(group));
    if (list === undefined) index.set(key(group), [group]);
    else list.push(group);
  }
  return index;
}
