// What `up` makes at each start so that it can be used at once: the local API key, and a pre-auth key for an hour.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UserId } from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { TailnetService } from "@hydrascale/gateway/service";

const by: Principal = { kind: "system", name: "up" };
const hourMs = 3_600_000;
/** Owner of what joins with the printed key. */
const userName = "default";

export interface Welcome {
  readonly apiKey: string;
  /** null: none was wanted. */
  readonly preAuthKey: string | null;
}

export async function welcome(
  service: TailnetService,
  dir: string,
  now: number,
  wantsKey: boolean,
): Promise<Result<Welcome, Problem>> {
  const apiKey = await localApiKey(service, join(dir, "api-key"));
  if (!apiKey.ok) return apiKey;
  if (!wantsKey) return ok({ apiKey: apiKey.value, preAuthKey: null });
  const key = await hourKey(service, now);
  return key.ok ? ok({ apiKey: apiKey.value, preAuthKey: key.value }) : key;
}

/** A key for an hour; those of earlier starts are cleared away once they are over. */
async function hourKey(service: TailnetService, now: number): Promise<Result<string, Problem>> {
  const user = await defaultUser(service);
  if (!user.ok) return user;
  const over = [...service.directory.preAuthKeys.values()].filter(
    (old) => old.user === user.value && old.expiry !== null && old.expiry <= now,
  );
  for (const old of over) {
    const gone = await service.execute({ kind: "DeletePreAuthKey", key: old.id }, { by });
    if (!gone.ok && gone.error.code !== "not-found") return gone;
  }
  const minted = service.mint("auth");
  const made = await service.execute(
    {
      kind: "CreatePreAuthKey",
      hash: minted.hash,
      prefix: minted.prefix,
      user: user.value,
      tags: [],
      reusable: true,
      ephemeral: false,
      expiry: now + hourMs,
    },
    { by, id: minted.id },
  );
  return made.ok ? ok(minted.token) : made;
}

/** Kept in the state folder, readable by its owner only; made anew when it was deleted or revoked. */
async function localApiKey(service: TailnetService, path: string): Promise<Result<string, Problem>> {
  if (existsSync(path)) {
    const kept = readFileSync(path, "utf8").trim();
    const id = service.directory.index.apiKeyByHash(service.hashKey(kept));
    const row = id === undefined ? undefined : service.directory.apiKeys.get(id);
    if (row !== undefined && row.expiry === null) return ok(kept);
  }
  const minted = service.mint("api");
  const made = await service.execute(
    { kind: "CreateApiKey", hash: minted.hash, prefix: minted.prefix, expiry: null },
    { by, id: minted.id },
  );
  if (!made.ok) return err(made.error);
  writeSecret(path, `${minted.token}\n`);
  return ok(minted.token);
}

/** A new file in the place of the old one: neither the mode of what lies there nor a link to elsewhere counts. */
export function writeSecret(path: string, text: string): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
  renameSync(temporary, path);
}

async function defaultUser(service: TailnetService): Promise<Result<UserId, Problem>> {
  const known = service.directory.index.userByName(userName);
  if (known !== undefined) return ok(known);
  const made = await service.execute({ kind: "CreateUser", name: userName }, { by });
  if (made.ok && made.value.result.kind === "user") return ok(made.value.result.user);
  const now = service.directory.index.userByName(userName);
  if (now !== undefined) return ok(now);
  return made.ok ? err({ code: "internal", message: "creating a user gave no user" }) : err(made.error);
}
