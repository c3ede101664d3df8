// The primitives of Noise_IK_25519_ChaChaPoly_BLAKE2s as a port, with two implementations: node.ts (fast) and
// noble.ts (reference). Both must give the same bytes for every input; suite.test.ts holds them to it.

/** A primitive refused its input: wrong key length or a low-order point. Says nothing about the secret. */
export class CryptoError extends Error {
  override readonly name = "CryptoError";
}

/** An X25519 private key. The scalar stays in a closure, so that printing the object cannot leak it. */
export interface PrivateKey {
  readonly publicKey: Uint8Array;
  /** Throws CryptoError for a low-order point, whose shared secret would be all zeros. */
  dh(peer: Uint8Array): Uint8Array;
  /** The 32 raw bytes: for storing, never for showing. */
  reveal(): Uint8Array;
}

/** ChaCha20-Poly1305 under one key: 12-byte nonce, tag of 16 bytes at the end. */
export interface Aead {
  seal(nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array;
  /** undefined when the tag is wrong or missing. */
  open(nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined;
  /** As `seal` without associated data, written to `out` at `at`; there must be plain.length + 16 bytes of room. */
  sealInto(nonce: Uint8Array, plain: Uint8Array, out: Uint8Array, at: number): void;
}

export interface Suite {
  readonly name: "node" | "noble";
  generate(): PrivateKey;
  /** Any 32 bytes; clamping happens inside X25519. */
  importPrivate(raw: Uint8Array): PrivateKey;
  aead(key: Uint8Array): Aead;
  /** BLAKE2s-256. */
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC-BLAKE2s-256, block size 64. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  random(length: number): Uint8Array;
}

export const KEY_BYTES = 32;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;

const one = Uint8Array.of(1);
const two = Uint8Array.of(2);

/** Noise HKDF with two outputs. */
export const hkdf2 = (suite: Suite, chaining: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] => {
  const temp = suite.hmac(chaining, input);
  const first = suite.hmac(temp, one);
  return [first, suite.hmac(temp, first, two)];
};

export const checkKeyLength = (key: Uint8Array): void => {
  if (key.length !== KEY_BYTES) throw new CryptoError(`key: ${key.length} bytes instead of ${KEY_BYTES}`);
};
