// Key texts. A key is a function of the installation's secret and the command that makes it, so that any gateway can
// repeat the first answer to a repeated command, although the log holds a hash only (design rule 11).

import { createHash, randomBytes } from "node:crypto";
import type { CommandId, TailnetId } from "@hydrascale/core/domain/ids";
import { derive } from "./secret.ts";
import type { MintedKey } from "./service.ts";

/** `hskey-auth-<12 hex>-<64 hex>`, `hskey-api-…`: the form that headscale's tools know. */
export function mintKey(
  secret: Uint8Array,
  tid: TailnetId,
  kind: "auth" | "api",
  id: CommandId = newCommandId(),
): MintedKey {
  const prefix = `hskey-${kind}-${derive(secret, "prefix", kind, tid, id).toString("hex").slice(0, 12)}`;
  const token = `${prefix}-${derive(secret, "secret", kind, tid, id).toString("hex")}`;
  return { id, token, prefix, hash: hashKey(token) };
}

/** SHA-256, hex: enough for 256 random bits; nothing to guess, so nothing to slow down. */
export const hashKey = (token: string): string => createHash("sha256").update(token, "utf8").digest("hex");

export const newCommandId = (): CommandId => randomBytes(16).toString("base64url") as CommandId; // made here only
