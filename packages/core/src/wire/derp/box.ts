// NaCl crypto_box: X25519, HSalsa20, then XSalsa20-Poly1305 under a 24-byte nonce. It proves to each side that the other
// holds the private key of the public one it names. Used once per connection, so nothing is cached.
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";

const sigma = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574); // "expand 32-byte k"

/** tag(16) ‖ ciphertext. */
export function seal(
  message: Uint8Array,
  nonce: Uint8Array,
  theirPublic: Uint8Array,
  myPrivate: Uint8Array,
): Uint8Array {
  return xsalsa20poly1305(sharedKey(theirPublic, myPrivate), nonce).encrypt(message);
}

/** undefined: not sealed for this pair of keys, tampered with, or a public key that no one can own. */
export function open(
  sealed: Uint8Array,
  nonce: Uint8Array,
  theirPublic: Uint8Array,
  myPrivate: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < 16) return undefined;
  try {
    return xsalsa20poly1305(sharedKey(theirPublic, myPrivate), nonce).decrypt(sealed);
  } catch {
    return undefined;
  }
}

function sharedKey(theirPublic: Uint8Array, myPrivate: Uint8Array): Uint8Array {
  const shared = x25519.getSharedSecret(myPrivate, theirPublic);
  const key = new Uint8Array(32);
  hsalsa(sigma, words(shared), new Uint32Array(4), new Uint32Array(key.buffer));
  if (!littleEndian) throw new Error("big-endian machines are not supported");
  return key;
}

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

export const publicKeyOf = (privateKey: Uint8Array): Uint8Array => x25519.getPublicKey(privateKey);
