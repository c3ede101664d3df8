// The suite on node:crypto. Keys become KeyObjects once and are used many times: importing costs more than sealing.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  randomBytes,
} from "node:crypto";
import { view } from "../lib/bytes.ts";
import { CryptoError, KEY_BYTES, TAG_BYTES, checkKeyLength } from "./suite.ts";
import type { Aead, PrivateKey, Suite } from "./suite.ts";

// DER of an X25519 key is a fixed prefix and the 32 raw bytes.
const pkcs8Prefix = Buffer.from("302e020100300506032b656e04220420", "hex"); // 16 B, then the scalar
const spkiPrefix = Buffer.from("302a300506032b656e032100", "hex"); // 12 B, then the u-coordinate

const cipher = "chacha20-poly1305";
const options = { authTagLength: TAG_BYTES };

const importPrivate = (raw: Uint8Array): PrivateKey => {
  checkKeyLength(raw);
  const scalar = new Uint8Array(raw);
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, scalar]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(spki.subarray(spkiPrefix.length)),
    dh: (peer) => {
      checkKeyLength(peer);
      const publicKey = createPublicKey({
        key: Buffer.concat([spkiPrefix, peer]),
        format: "der",
        type: "spki",
      });
      try {
        return diffieHellman({ privateKey: key, publicKey });
      } catch {
        throw new CryptoError("x25519: low-order point");
      }
    },
    reveal: () => new Uint8Array(scalar),
  };
};

const aead = (raw: Uint8Array): Aead => {
  checkKeyLength(raw);
  const key = createSecretKey(raw);
  return {
    seal: (nonce, plain, associated) => {
      const seal = createCipheriv(cipher, key, nonce, options);
      seal.setAAD(associated, { plaintextLength: plain.length });
      const body = seal.update(plain);
      seal.final();
      return Buffer.concat([body, seal.getAuthTag()]);
    },
    open: (nonce, sealed, associated) => {
      const length = sealed.length - TAG_BYTES;
      if (length < 0) return undefined;
      const open = createDecipheriv(cipher, key, nonce, options);
      open.setAAD(associated, { plaintextLength: length });
      open.setAuthTag(sealed.subarray(length));
      const plain = open.update(sealed.subarray(0, length));
      try {
        open.final();
        return plain;
      } catch {
        return undefined;
      }
    },
    sealInto: (nonce, plain, out, at) => {
      const seal = createCipheriv(cipher, key, nonce, options);
      out.set(seal.update(plain), at);
      seal.final();
      out.set(seal.getAuthTag(), at + plain.length);
    },
  };
};

const digest = (sink: ReturnType<typeof createHash>, parts: readonly Uint8Array[]): Uint8Array => {
  for (const part of parts) sink.update(part);
  return sink.digest();
};

export const nodeSuite: Suite = {
  name: "node",
  generate: () => importPrivate(randomBytes(KEY_BYTES)),
  importPrivate,
  aead,
  hash: (...parts) => digest(createHash("blake2s256"), parts),
  hmac: (key, ...parts) => {
    const sink = createHmac("blake2s256", view(key));
    for (const part of parts) sink.update(part);
    return sink.digest();
  },
  random: (length) => randomBytes(length),
};
