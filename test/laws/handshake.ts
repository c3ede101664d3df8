// The two crypto suites say the same, byte for byte: a handshake in both roles and records in both directions, with
// keys from the seed, and what one sealed the other opens.

import assert from "node:assert/strict";
import { nobleSuite } from "@hydrascale/core/crypto/noble";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import type { Suite } from "@hydrascale/core/crypto/suite";
import { toHex } from "@hydrascale/core/lib/bytes";
import { initiate, respond } from "@hydrascale/core/wire/noise/handshake";
import { RecordOpener, RecordSealer } from "@hydrascale/core/wire/noise/record";
import { Random } from "../support/history.ts";

interface Keys {
  readonly server: Uint8Array;
  readonly machine: Uint8Array;
  readonly clientEphemeral: Uint8Array;
  readonly serverEphemeral: Uint8Array;
  readonly version: number;
}

function exchange(client: Suite, server: Suite, keys: Keys) {
  const serverPrivate = server.importPrivate(keys.server);
  const initiated = initiate({
    suite: client,
    version: keys.version,
    machinePrivate: client.importPrivate(keys.machine),
    serverPublic: serverPrivate.publicKey,
    ephemeral: client.importPrivate(keys.clientEphemeral),
  });
  const { initiation } = initiated;
  const ephemeral = server.importPrivate(keys.serverEphemeral);
  const responded = respond({ suite: server, serverPrivate, initiation, ephemeral });
  assert.ok(responded.ok, "the initiation is refused");
  const finished = initiated.finish(responded.value.response);
  assert.ok(finished.ok, "the response is refused");
  const { response, machineKey, version, receiveKey, sendKey } = responded.value;
  assert.equal(toHex(finished.value.sendKey), toHex(receiveKey));
  assert.equal(toHex(finished.value.receiveKey), toHex(sendKey));
  const said = { initiation: toHex(initiation), response: toHex(response), machineKey, version };
  return { said, keys: { receiveKey, sendKey } };
}

function records(random: Random, key: Uint8Array, sealing: Suite, opening: Suite): void {
  const sealer = new RecordSealer(sealing, key);
  const opener = new RecordOpener(opening, key);
  for (let i = 0; i < 3; i++) {
    const plain = random.bytes(random.int(random.chance(20) ? 9000 : 200));
    const sealed = sealer.seal(plain);
    const cut = random.int(sealed.length + 1);
    const opened = [...opener.push(sealed.subarray(0, cut)), ...opener.push(sealed.subarray(cut))];
    assert.deepEqual(Buffer.concat(opened), Buffer.from(plain));
  }
}

export function checkHandshake(seed: number): void {
  const random = new Random(seed);
  const keys: Keys = {
    server: random.bytes(32),
    machine: random.bytes(32),
    clientEphemeral: random.bytes(32),
    serverEphemeral: random.bytes(32),
    version: random.int(65_536),
  };
  const one = exchange(nodeSuite, nobleSuite, keys);
  const other = exchange(nobleSuite, nodeSuite, keys);
  assert.deepEqual(one.said, other.said);
  for (const key of ["receiveKey", "sendKey"] as const) {
    assert.equal(toHex(one.keys[key]), toHex(other.keys[key]));
    records(random, one.keys[key], nodeSuite, nobleSuite);
    records(random, one.keys[key], nobleSuite, nodeSuite);
  }
}
