// The keys by which the roles of one machine prove themselves to their own server. Made once, kept 0600 in the state
// folder, never logged. The server's configuration holds the public halves only.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createUser, fromSeed } from "@nats-io/nkeys";

export const childRoles = ["admin", "gateway", "projector"] as const;
export type ChildRole = (typeof childRoles)[number];
export type Seeds = Readonly<Record<ChildRole, string>>;

/** Reads the seeds of a folder, or makes them. Throws on a file that is there but cannot be used. */
export function seedsOf(dir: string): Seeds {
  const path = join(dir, "nkeys.json");
  let text: string | undefined;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  if (text !== undefined) return parseSeeds(path, text);
  const seeds: Seeds = { admin: newSeed(), gateway: newSeed(), projector: newSeed() };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // Neither the mode of what a crash left there nor a link counts.
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, JSON.stringify(seeds), { mode: 0o600, flag: "wx" });
  renameSync(`${path}.new`, path);
  return seeds;
}

export const publicKey = (seed: string): string => fromSeed(new TextEncoder().encode(seed)).getPublicKey();

const newSeed = (): string => new TextDecoder().decode(createUser().getSeed());

function parseSeeds(path: string, text: string): Seeds {
  const bad = () => new Error(`${path}: not a file of nkey seeds`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad();
  }
  if (typeof value !== "object" || value === null) throw bad();
  const fields = new Map<string, unknown>(Object.entries(value));
  const seed = (role: ChildRole): string => {
    const found = fields.get(role);
    if (typeof found !== "string" || !/^SU[A-Z2-7]{56}$/.test(found)) throw bad();
    return found;
  };
  return { admin: seed("admin"), gateway: seed("gateway"), projector: seed("projector") };
}
