// The last word to a client whose node is gone: a self node whose key expired long ago, which sends it to "needs login".

import type { Node } from "../domain/directory/state.ts";
import type { Node as WireNode } from "../wire/tailcfg/node.ts";
import { encodeMapFrame } from "../wire/map-frame.ts";
import { goTime } from "../wire/tailcfg/time.ts";
import { nodeFqdn, ownerId, stableId } from "./view.ts";

/** How long ago a deleted node's key is said to have expired: more than any clock is wrong. */
export const longAgoMs = 24 * 3600 * 1000;

/** A whole first message for a stream of a deleted node. `deletedAt`: milliseconds since 1970. */
export function farewellFrame(node: Node, deletedAt: number, compress: boolean): Buffer {
  const addresses = [
    ...(node.addresses.v4 === undefined ? [] : [`${node.addresses.v4}/32`]),
    ...(node.addresses.v6 === undefined ? [] : [`${node.addresses.v6}/128`]),
  ];
  const self: Partial<WireNode> = {
    ID: node.id,
    StableID: stableId(node.id),
    Name: nodeFqdn(node.name, ""),
    User: ownerId(node),
    Key: node.nodeKey,
    KeyExpiry: goTime(deletedAt - longAgoMs),
    Expired: true,
    Machine: node.machineKey,
    Addresses: addresses,
    AllowedIPs: addresses,
    Hostinfo: {},
    MachineAuthorized: true,
  };
  return encodeMapFrame(JSON.stringify({ Node: self }), compress);
}
