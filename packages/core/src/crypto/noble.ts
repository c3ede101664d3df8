// The reference suite, in plain JavaScript. Slower by an order of magnitude; what node.ts is compared with.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { blake2s } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { concat } from "../lib/bytes.ts";
import { CryptoError, KEY_BYTES, TAG_BYTES, checkKeyLength } from "./suite.ts";
import type { Aead, PrivateKey, Suite } from "./suite.ts";

const importPrivate = (raw: Uint8Array): PrivateKey => {
  checkKeyLength(raw);
  const scalar = new Uint8Array(raw);
  return {
    publicKey: x25519.getPublicKey(scalar),
    dh: (peer) => {
      checkKeyLength(peer);
      try {
        return x25519.getSharedSecret(scalar, peer);
      } catch {
        throw new CryptoError("x25519: low-order point");
      }
    },
    reveal: () => new Uint8Array(scalar),
  };
};

const aead = (raw: Uint8Array): Aead => {
  checkKeyLength(raw);
  const key = new Uint8Array(raw);
  return {
    seal: (nonce, plain, associated) => chacha20poly1305(key, nonce, associated).encrypt(plain),
    open: (nonce, sealed, associated) => {
      if (sealed.length < TAG_BYTES) return undefined;
      try {
        return chacha20poly1305(key, nonce, associated).decrypt(sealed);
      } catch {
        return undefined;
      }
    },
    sealInto: (nonce, plain, out, at) => out.set(chacha20poly1305(key, nonce).encrypt(plain), at),
  };
};

export const nobleSuite: Suite = {
  name: "noble",
  generate: () => importPrivate(randomBytes(KEY_BYTES)),
  importPrivate,
  aead,
  hash: (...parts) => blake2s(concat(...parts), { dkLen: 32 }),
  hmac: (key, ...parts) => hmac(blake2s, key, concat(...parts)),
  random: (length) => randomBytes(length),
};
