// Noise IK, both roles (protocol 2.3). One pass, no state kept between messages except what `initiate` returns.
// Whoever completes the handshake is anonymous with a stable key: nothing here says that the machine is known.

import { CryptoError, KEY_BYTES, NONCE_BYTES, TAG_BYTES, hkdf2 } from "../../crypto/suite.ts";
import type { PrivateKey, Suite } from "../../crypto/suite.ts";
import type { MachineKey } from "../../domain/ids.ts";
import { utf8, view } from "../../lib/bytes.ts";
import { err, ok } from "../../lib/result.ts";
import type { Result } from "../../lib/result.ts";
import { machineKey } from "../keys.ts";
import {
  HEADER_BYTES,
  INITIATION_BODY_BYTES,
  INITIATION_BYTES,
  INITIATION_HEADER_BYTES,
  PROLOGUE,
  PROTOCOL_NAME,
  RESPONSE_BODY_BYTES,
  RESPONSE_BYTES,
  TYPE_ERROR,
  TYPE_INITIATION,
  TYPE_RESPONSE,
  readHeader,
  writeHeader,
} from "./messages.ts";

/** malformed: answer with an error frame. rejected: authentication failed, just close. */
export type HandshakeFailure = "malformed" | "rejected";

const empty = new Uint8Array(0);
const zeroNonce = new Uint8Array(NONCE_BYTES); // every handshake key is used once
const staticAt = INITIATION_HEADER_BYTES + KEY_BYTES; // 37
const tagAt = staticAt + KEY_BYTES + TAG_BYTES; // 85

/** Noise's symmetric state. */
class Transcript {
  private readonly suite: Suite;
  private hash: Uint8Array;
  private chaining: Uint8Array;

  constructor(suite: Suite, version: number, serverPublic: Uint8Array) {
    this.suite = suite;
    this.hash = suite.hash(utf8(PROTOCOL_NAME));
    this.chaining = this.hash;
    this.mix(utf8(PROLOGUE + String(version)));
    this.mix(serverPublic);
  }

  mix(data: Uint8Array): void {
    this.hash = this.suite.hash(this.hash, data);
  }

  mixKey(shared: Uint8Array): Uint8Array {
    const [chaining, key] = hkdf2(this.suite, this.chaining, shared);
    this.chaining = chaining;
    return key;
  }

  seal(key: Uint8Array, plain: Uint8Array): Uint8Array {
    const sealed = this.suite.aead(key).seal(zeroNonce, plain, this.hash);
    this.mix(sealed);
    return sealed;
  }

  open(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plain = this.suite.aead(key).open(zeroNonce, sealed, this.hash);
    this.mix(sealed);
    return plain;
  }

  /** [client → server, server → client] */
  split(): [Uint8Array, Uint8Array] {
    return hkdf2(this.suite, this.chaining, empty);
  }
}

/** A low-order point is the peer's doing and ends the handshake like a wrong tag; anything else is a bug. */
const rejectLowOrder = <T>(run: () => Result<T, HandshakeFailure>): Result<T, HandshakeFailure> => {
  try {
    return run();
  } catch (error) {
    if (error instanceof CryptoError) return err("rejected");
    throw error;
  }
};

/** The version that an initiation claims, before anything is verified; undefined when it is not an initiation. */
export const initiationVersion = (initiation: Uint8Array): number | undefined => {
  if (initiation.length !== INITIATION_BYTES) return undefined;
  const { type, length } = readHeader(initiation, 2);
  if (type !== TYPE_INITIATION || length !== INITIATION_BODY_BYTES) return undefined;
  return view(initiation).readUInt16BE(0);
};

export interface Responded {
  readonly response: Uint8Array;
  readonly machineKey: MachineKey;
  readonly version: number;
  readonly receiveKey: Uint8Array;
  readonly sendKey: Uint8Array;
}

export const respond = (input: {
  readonly suite: Suite;
  readonly serverPrivate: PrivateKey;
  readonly initiation: Uint8Array;
  readonly ephemeral?: PrivateKey;
}): Result<Responded, HandshakeFailure> =>
  rejectLowOrder(() => {
    const { suite, serverPrivate, initiation } = input;
    const version = initiationVersion(initiation);
    if (version === undefined) return err("malformed");
    const transcript = new Transcript(suite, version, serverPrivate.publicKey);
    const clientEphemeral = initiation.slice(INITIATION_HEADER_BYTES, staticAt);
    transcript.mix(clientEphemeral);
    const es = transcript.mixKey(serverPrivate.dh(clientEphemeral));
    const machine = transcript.open(es, initiation.subarray(staticAt, tagAt));
    if (machine === undefined) return err("rejected");
    const ss = transcript.mixKey(serverPrivate.dh(machine));
    if (transcript.open(ss, initiation.subarray(tagAt)) === undefined) return err("rejected");

    const ephemeral = input.ephemeral ?? suite.generate();
    transcript.mix(ephemeral.publicKey);
    transcript.mixKey(ephemeral.dh(clientEphemeral));
    const se = transcript.mixKey(ephemeral.dh(machine));
    const tag = transcript.seal(se, empty);
    const response = new Uint8Array(RESPONSE_BYTES);
    writeHeader(response, 0, TYPE_RESPONSE, RESPONSE_BODY_BYTES);
    response.set(ephemeral.publicKey, HEADER_BYTES);
    response.set(tag, HEADER_BYTES + KEY_BYTES);
    const [receiveKey, sendKey] = transcript.split();
    return ok({ response, machineKey: machineKey(machine), version, receiveKey, sendKey });
  });

export interface Initiated {
  readonly initiation: Uint8Array;
  finish(
    response: Uint8Array,
  ): Result<{ readonly sendKey: Uint8Array; readonly receiveKey: Uint8Array }, HandshakeFailure>;
}

/** The client's side, for tests and simulated clients. Throws CryptoError for an unusable server key. */
export const initiate = (input: {
  readonly suite: Suite;
  readonly version: number;
  readonly machinePrivate: PrivateKey;
  readonly serverPublic: Uint8Array;
  readonly ephemeral?: PrivateKey;
}): Initiated => {
  const { suite, version, machinePrivate, serverPublic } = input;
  const ephemeral = input.ephemeral ?? suite.generate();
  const transcript = new Transcript(suite, version, serverPublic);
  transcript.mix(ephemeral.publicKey);
  const es = transcript.mixKey(ephemeral.dh(serverPublic));
  const machine = transcript.seal(es, machinePrivate.publicKey);
  const ss = transcript.mixKey(machinePrivate.dh(serverPublic));
  const tag = transcript.seal(ss, empty);
  const initiation = new Uint8Array(INITIATION_BYTES);
  view(initiation).writeUInt16BE(version, 0);
  writeHeader(initiation, 2, TYPE_INITIATION, INITIATION_BODY_BYTES);
  initiation.set(ephemeral.publicKey, INITIATION_HEADER_BYTES);
  initiation.set(machine, staticAt);
  initiation.set(tag, tagAt);

  let used = false;
  const finish: Initiated["finish"] = (response) =>
    rejectLowOrder(() => {
      if (used) return err("rejected"); // the transcript has moved on
      used = true;
      const { type, length } = readHeader(response);
      if (type === TYPE_ERROR) return err("rejected");
      if (response.length !== RESPONSE_BYTES || type !== TYPE_RESPONSE || length !== RESPONSE_BODY_BYTES)
        return err("malformed");
      const serverEphemeral = response.slice(HEADER_BYTES, HEADER_BYTES + KEY_BYTES);
      transcript.mix(serverEphemeral);
      transcript.mixKey(ephemeral.dh(serverEphemeral));
      const se = transcript.mixKey(machinePrivate.dh(serverEphemeral));
      if (transcript.open(se, response.subarray(HEADER_BYTES + KEY_BYTES)) === undefined)
        return err("rejected");
      const [sendKey, receiveKey] = transcript.split();
      return ok({ sendKey, receiveKey });
    });
  return { initiation, finish };
};
