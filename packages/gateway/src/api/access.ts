// Who asks. A key is looked up by its hash in the fold; the fold is brought up to date first, because a key made or
// revoked at another gateway a moment ago must count here.

import type { ApiKeyId, Millis } from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { ApiOptions } from "./options.ts";

/** When each API key was used last at this gateway, since it started. Holds no more keys than the fold does. */
export class KeyUse {
  private readonly at = new Map<ApiKeyId, Millis>();

  note(key: ApiKeyId, now: Millis): void {
    this.at.set(key, now);
  }

  last(key: ApiKeyId): Millis | undefined {
    return this.at.get(key);
  }

  keepOnly(exists: (key: ApiKeyId) => boolean): void {
    for (const key of this.at.keys()) if (!exists(key)) this.at.delete(key);
  }
}

const longestToken = 256;

function token(header: string | undefined): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(header ?? "");
  return match?.[1] !== undefined && match[1].length <= longestToken ? match[1] : undefined;
}

export async function authenticate(
  options: ApiOptions,
  header: string | undefined,
  use: KeyUse,
): Promise<Result<Principal, Problem>> {
  if (options.trust === "local") return ok({ kind: "local", name: "unix socket" });
  const refused = problem("unauthenticated", "Unauthorized");
  const text = token(header);
  if (text === undefined) return err(refused);
  const { service } = options;
  const id = service.directory.index.apiKeyByHash(service.hashKey(text));
  const key = id === undefined ? undefined : service.directory.apiKeys.get(id);
  const now = options.clock.now();
  if (key === undefined || (key.expiry !== null && key.expiry <= now)) return err(refused);
  if (use.last(key.id) === undefined) use.keepOnly((k) => service.directory.apiKeys.has(k));
  use.note(key.id, now);
  return ok({ kind: "api-key", prefix: key.prefix });
}
