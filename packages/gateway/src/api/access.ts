// Who asks. A key is looked up by its hash in the fold; the fold is brought up to date first, because a key made or
// revoked at another gateway a moment ago must count here.

import type { Principal } from "@hydrascale/core/domain/message";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { ApiOptions } from "./options.ts";

const longestToken = 256;

function token(header: string | undefined): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(header ?? "");
  return match?.[1] !== undefined && match[1].length <= longestToken ? match[1] : undefined;
}

/** Checks the credentials against the fold as it is now. */
export function authenticate(options: ApiOptions, header: string | undefined): Result<Principal, Problem> {
  if (options.trust === "local") return ok({ kind: "local", name: "unix socket" });
  const refused = problem("unauthenticated", "Unauthorized");
  const text = token(header);
  if (text === undefined) return err(refused);
  const { service } = options;
  const id = service.directory.index.apiKeyByHash(service.hashKey(text));
  const key = id === undefined ? undefined : service.directory.apiKeys.get(id);
  if (key === undefined || (key.expiry !== null && key.expiry <= options.clock.now())) return err(refused);
  options.keyUsed(key.id);
  return ok({ kind: "api-key", prefix: key.prefix });
}
