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
  const words = new DataView(x25519.getSharedSecret(myPrivate, theirPublic).slice().buffer);
  const input = Uint32Array.from({ length: 8 }, (_, i) => words.getUint32(4 * i, true));
  const output = new Uint32Array(8);
  hsalsa(sigma, input, new Uint32Array(4), output);
  const key = new DataView(new ArrayBuffer(32));
  output.forEach((word, i) => key.setUint32(4 * i, word, true));
  return new Uint8Array(key.buffer);
}

export const publicKeyOf = (privateKey: Uint8Array): Uint8Array => x25519.getPublicKey(privateKey);
