// Keys of a simulated client. Real clients keep the machine key for ever, make a new disco key at each start, and a
// new node key at each rotation.

import { nodeSuite } from "@hydrascale/core/crypto/node";
import type { PrivateKey } from "@hydrascale/core/crypto/suite";
import type { DiscoKey, MachineKey, NodeKey } from "@hydrascale/core/domain/ids";
import { discoKey, machineKey, nodeKey } from "@hydrascale/core/wire/keys";

export interface KeyPair<K> {
  readonly secret: PrivateKey;
  /** As on the wire. */
  readonly text: K;
}

const pair = <K>(print: (raw: Uint8Array) => K, secret = nodeSuite.generate()): KeyPair<K> => ({
  secret,
  text: print(secret.publicKey),
});

export const newMachineKey = (): KeyPair<MachineKey> => pair(machineKey);
export const newNodeKey = (): KeyPair<NodeKey> => pair(nodeKey);
export const newDiscoKey = (): KeyPair<DiscoKey> => pair(discoKey);

/** Tailnet-lock keys are sent in every register; nothing looks at them. */
export const lockKey = (node: KeyPair<NodeKey>): string => `nlpub:${node.text.slice("nodekey:".length)}`;
