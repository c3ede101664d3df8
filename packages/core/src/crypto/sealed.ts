// Sealing of stored secrets: XChaCha20-Poly1305 with a random nonce in front.

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { randomBytes } from "@noble/ciphers/utils.js";

const nonceLength = 24;

/** nonce(24) || ciphertext || tag(16). `key`: 32 bytes; `context` is bound but not stored. */
export function seal(key: Uint8Array, plain: Uint8Array, context: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceLength);
  const box = xchacha20poly1305(key, nonce, context).encrypt(plain);
  const out = new Uint8Array(nonceLength + box.length);
  out.set(nonce);
  out.set(box, nonceLength);
  return out;
}

/** undefined: wrong key, wrong context or damaged. */
export function openSealed(key: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array | undefined {
  if (sealed.length < nonceLength + 16) return undefined;
  try {
    return xchacha20poly1305(key, sealed.subarray(0, nonceLength), context).decrypt(
      sealed.subarray(nonceLength),
    );
  } catch {
    return undefined;
  }
}
