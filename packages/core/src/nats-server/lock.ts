// One process per folder. The lock is a file that names its holder; it appears with its content in one step, and a lock
// whose holder is dead is taken over, by one of those who try.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import { isAlive, parseProcessId, processId } from "./process.ts";

export interface FolderLock {
  release(): void;
}

let turn = 0;

export function lockFolder(dir: string, name = "lock"): Result<FolderLock, Problem> {
  const path = join(dir, name);
  const own = `${path}.${process.pid}.${turn++}`;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(own, JSON.stringify(processId(process.pid)), { mode: 0o600 });
  } catch (error) {
    return err(problem("setup", `folder ${dir}: cannot be written: ${textOf(error)}`));
  }
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (linked(own, path)) return ok({ release: () => releaseIfOwn(path) });
      const held = read(path);
      const holder = held === undefined ? undefined : parseProcessId(held);
      if (holder !== undefined && isAlive(holder)) return err(inUse(dir, holder.pid));
      if (held !== undefined) removeStale(path, held);
    }
    return err(problem("setup", `folder ${dir}: its lock changes hands all the time`, "try again"));
  } finally {
    rmSync(own, { force: true });
  }
}

const inUse = (dir: string, pid: number): Problem =>
  problem(
    "setup",
    `folder ${dir}: in use by process ${pid}`,
    "stop that process, or give this one another folder with --dir",
  );

function linked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Moves the stale lock aside; if it turns out to be somebody's new one, puts it back. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}.${turn++}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Somebody else moved it first.
  }
  if (read(aside) !== stale) linked(aside, path);
  rmSync(aside, { force: true });
}

function releaseIfOwn(path: string): void {
  const held = read(path);
  const holder = held === undefined ? undefined : parseProcessId(held);
  if (holder?.pid === process.pid && isAlive(holder)) rmSync(path, { force: true });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
