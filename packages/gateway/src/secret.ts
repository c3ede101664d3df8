// Secrets of the installation, in bucket `secret`: made once by compare-and-set, whichever gateway comes first
// (design rule 11). Sealed with a cluster key when there is one. They never leave this module in text form.

import { createHmac, randomBytes } from "node:crypto";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { openSealed, seal } from "@hydrascale/core/crypto/sealed";
import type { Bucket } from "@hydrascale/core/store/ports";

/** 32 random bytes each. */
const names = ["noise", "relay", "mint"] as const;
export type SecretName = (typeof names)[number];
export type Secrets = Readonly<Record<SecretName, Uint8Array>>;

/** Reads the installation's secrets, making what is missing. `clusterKey`: 32 bytes, or undefined = stored unsealed. */
export async function loadSecrets(
  bucket: Bucket,
  clusterKey: Uint8Array | undefined,
): Promise<Result<Secrets, Problem>> {
  const found: Partial<Record<SecretName, Uint8Array>> = {};
  for (const name of names) {
    const one = await loadOne(bucket, name, clusterKey);
    if (!one.ok) return one;
    found[name] = one.value;
  }
  return ok(found as Secrets); // the loop above filled every name
}

async function loadOne(
  bucket: Bucket,
  name: SecretName,
  clusterKey: Uint8Array | undefined,
): Promise<Result<Uint8Array, Problem>> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const entry = await bucket.get(name);
    if (entry !== undefined) return unpack(name, entry.value, clusterKey);
    const fresh = randomBytes(32);
    const outcome = await bucket.put(name, pack(name, fresh, clusterKey), 0);
    if (outcome.kind === "stored") return ok(fresh);
    if (outcome.kind === "refused")
      return err(problem("setup", `secret ${name} cannot be stored: ${outcome.reason}`));
    // conflict or unknown: somebody's (perhaps our own late) put is there now; read it
  }
  return err(
    problem(
      "unavailable",
      `secret ${name} can be neither read nor stored`,
      "check that NATS is reachable and has disk space",
    ),
  );
}

const plainTag = 0;
const sealedTag = 1;

function pack(name: SecretName, secret: Uint8Array, clusterKey: Uint8Array | undefined): Uint8Array {
  if (clusterKey === undefined) return Uint8Array.of(plainTag, ...secret);
  return Uint8Array.of(sealedTag, ...seal(clusterKey, secret, new TextEncoder().encode(name)));
}

function unpack(
  name: SecretName,
  value: Uint8Array,
  clusterKey: Uint8Array | undefined,
): Result<Uint8Array, Problem> {
  if (value[0] === plainTag && value.length === 33) return ok(value.slice(1));
  if (value[0] !== sealedTag)
    return err(
      problem("setup", `secret ${name} in the store is damaged`, "restore bucket `secret` from a backup"),
    );
  if (clusterKey === undefined)
    return err(
      problem(
        "setup",
        `secret ${name} is sealed and no cluster key is set`,
        "set `cluster_key_path` to the key it was sealed with",
      ),
    );
  const opened = openSealed(clusterKey, value.subarray(1), new TextEncoder().encode(name));
  if (opened === undefined)
    return err(
      problem(
        "setup",
        `secret ${name} does not open with this cluster key`,
        "set `cluster_key_path` to the key it was sealed with",
      ),
    );
  return ok(opened);
}

/** HMAC-SHA-256 over length-prefixed parts, so that no two part lists look alike. */
export function derive(key: Uint8Array, ...parts: readonly string[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of parts) {
    const bytes = Buffer.from(part, "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    mac.update(length).update(bytes);
  }
  return mac.digest();
}
