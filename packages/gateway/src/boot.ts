// The identity of one start of one gateway process.

import { randomBytes } from "node:crypto";
import type { BootId } from "@hydrascale/core/domain/ids";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** 16 random bytes as 26 lower-case base32 characters: a legal subject token. */
export function newBootId(random: Uint8Array = randomBytes(16)): BootId {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of random) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += alphabet.charAt((held << (5 - bits)) & 31);
  return text as BootId; // the one place that makes one
}
