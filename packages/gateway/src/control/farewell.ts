// Tells a client that was away when its node was deleted, once, on its first streaming poll: a self node whose key has
// expired sends it to "needs login". A client that only gets 404 retries for ever and looks connected (protocol 17 on 5.7).

import type { MachineKey, NodeId, NodeKey } from "@hydrascale/core/domain/ids";
import type { DirectoryState, Node } from "@hydrascale/core/domain/directory/state";
import { farewellFrame } from "@hydrascale/core/netmap/farewell";
import type { MapRequest } from "@hydrascale/core/wire/tailcfg/map";
import type { Http2Response } from "../http2/port.ts";
import type { Replica } from "../replica.ts";

/** Told since this process started; a second telling after a restart is harmless. */
const maxTold = 10_000;

export class Farewells {
  private readonly directory: DirectoryState;
  private readonly told = new Set<NodeKey>();

  /** `isConnected`: has the node a stream here? Then that stream tells it. */
  constructor(replica: Replica, isConnected: (node: NodeId) => boolean) {
    this.directory = replica.fold.directory;
    replica.listen({
      changes: (changes) => {
        for (const change of changes) {
          const node =
            change.table === "nodes" && change.after === undefined ? (change.before as Node) : undefined; // rows of table nodes
          if (node !== undefined && isConnected(node.id)) this.done(node.nodeKey);
        }
      },
    });
  }

  private done(nodeKey: NodeKey): void {
    if (this.told.size >= maxTold) this.told.delete(this.told.values().next().value ?? nodeKey);
    this.told.add(nodeKey);
  }

  /** true: answered. false: a key never known, or told already. */
  tell(machineKey: MachineKey, nodeKey: NodeKey, body: MapRequest, response: Http2Response): boolean {
    const gone = this.directory.departed.get(nodeKey);
    if (gone === undefined || gone.node.machineKey !== machineKey || this.told.has(nodeKey)) return false;
    this.done(nodeKey);
    response.respond(200, { "content-type": "application/json" });
    response.end(farewellFrame(gone.node, gone.at, body.Compress === "zstd"));
    return true;
  }
}
