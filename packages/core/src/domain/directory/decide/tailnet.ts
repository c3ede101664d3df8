// The tailnet itself: its name, its settings, its policy, and addresses for nodes after the ranges changed.

import { contains, parseAddr, parsePrefix } from "../../../lib/ip.ts";
import { Allocator } from "../allocate.ts";
import type { DirectoryEvent, NodeAddresses } from "../events.ts";
import type { Settings } from "../settings.ts";
import type { DirectoryState, Node } from "../state.ts";
import { decided, refused, unchanged } from "./outcome.ts";
import type { Deciders } from "./outcome.ts";

type TailnetKind = "CreateTailnet" | "ChangeSettings" | "SetPolicy" | "BackfillAddresses";

/** UTF-8 bytes of a policy's text; the message with it has to fit into a record of the log. */
const maxPolicyBytes = 1024 * 1024;
/** Nodes that one decision gives addresses to; asking again goes on. */
const maxBackfill = 2000;

export const tailnetDeciders: Deciders<TailnetKind> = {
  CreateTailnet(state, { name }) {
    if (state.tailnet.has("tailnet")) return unchanged();
    return decided([{ kind: "TailnetCreated", name }]);
  },
  ChangeSettings(state, { source, hash, settings }) {
    const row = state.settings.get("settings");
    if (row !== undefined && row.hash === hash) return unchanged();
    for (const family of [4, 6] as const) {
      const text = family === 4 ? settings.prefixes.v4 : settings.prefixes.v6;
      if (text !== null && parsePrefix(text)?.addr.family !== family) {
        return refused("invalid", `prefixes.v${family}: ${text} is not an IPv${family} prefix`);
      }
    }
    return decided([{ kind: "SettingsChanged", source, hash, settings }]);
  },
  SetPolicy(state, { text, source, ifMatch }) {
    const row = state.policy.get("policy");
    if (ifMatch !== null && ifMatch !== (row?.version ?? 0)) {
      return refused(
        "precondition",
        "policy: has changed since it was read",
        "read it again and repeat the change",
      );
    }
    if (Buffer.byteLength(text) > maxPolicyBytes) {
      return refused("too-large", `policy: has more than ${maxPolicyBytes} bytes`);
    }
    if (row !== undefined && row.text === text) return unchanged();
    return decided([{ kind: "PolicyUpdated", text, source }]);
  },
  BackfillAddresses(state, _command, ctx) {
    const prefixes = state.settings.get("settings")?.settings.prefixes;
    if (prefixes === undefined) return refused("setup", "tailnet: has no settings yet");
    const allocator = new Allocator(state, prefixes, ctx.random);
    const events: DirectoryEvent[] = [];
    const changes: string[] = [];
    for (const node of [...state.nodes.values()].sort((a, b) => a.id - b.id)) {
      if (events.length === maxBackfill) break;
      const filled = backfill(node, prefixes, allocator);
      if (!filled.ok) return filled;
      if (filled.value.changes.length === 0) continue;
      events.push({ kind: "NodeAddressesSet", node: node.id, addresses: filled.value.addresses });
      changes.push(...filled.value.changes);
    }
    return decided(events, { kind: "changes", changes: [...changes, ...outside(state, prefixes)] });
  },
};

/** A family that is gone is dropped, a new one is given; an address outside a changed range stays. */
function backfill(node: Node, prefixes: Settings["prefixes"], allocator: Allocator) {
  const addresses: { v4?: string; v6?: string } = {};
  const changes: string[] = [];
  for (const [family, part] of [
    [4, "v4"],
    [6, "v6"],
  ] as const) {
    const had = node.addresses[part];
    if (prefixes[part] === null) {
      if (had !== undefined) changes.push(`node ${node.id} (${node.name}): removed IPv${family} ${had}`);
    } else if (had !== undefined) {
      addresses[part] = had;
    } else {
      const given = allocator.next(family);
      if (!given.ok) return given;
      if (given.value === undefined) continue;
      addresses[part] = given.value;
      changes.push(`node ${node.id} (${node.name}): assigned IPv${family} ${given.value}`);
    }
  }
  return { ok: true, value: { addresses: addresses satisfies NodeAddresses, changes } } as const;
}

/** Says how many nodes keep an address of a former range. */
function outside(state: DirectoryState, prefixes: Settings["prefixes"]): string[] {
  const notes: string[] = [];
  for (const part of ["v4", "v6"] as const) {
    const prefix = prefixes[part] === null ? undefined : parsePrefix(prefixes[part]);
    if (prefix === undefined) continue;
    let count = 0;
    for (const node of state.nodes.values()) {
      const address = parseAddr(node.addresses[part] ?? "");
      if (address !== undefined && !contains(prefix, address)) count++;
    }
    if (count > 0) notes.push(`${count} node(s) keep an address outside ${prefixes[part]}`);
  }
  return notes;
}
