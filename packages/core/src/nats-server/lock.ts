// One process per folder. The lock is a file that names its holder; it appears with its content in one step, and a lock
// whose holder is dead is taken over, by one of those who try.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import { isAlive, parseProcessId, processId } from "./process.ts";

export interface FolderLock {
  release(): void;
}

export type LockAttempt =
  | { readonly kind: "locked"; readonly lock: FolderLock }
  | { readonly kind: "held"; readonly pid: number }
  | { readonly kind: "failed"; readonly reason: string };

let turn = 0;

/** What `up` holds while it works in a folder. */
export function lockFolder(dir: string): Result<FolderLock, Problem> {
  const attempt = tryLock(dir, "lock");
  switch (attempt.kind) {
    case "locked":
      return ok(attempt.lock);
    case "held":
      return err(
        problem(
          "setup",
          `folder ${dir}: in use by process ${attempt.pid}`,
          "stop that process, or give this one another folder with --dir",
        ),
      );
    case "failed":
      return err(problem("setup", `folder ${dir}: cannot be locked: ${attempt.reason}`));
    default:
      return attempt satisfies never;
  }
}

export function tryLock(dir: string, name: string): LockAttempt {
  const path = join(dir, name);
  const own = `${path}.${process.pid}.${turn++}`;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(own, JSON.stringify(processId(process.pid)), { mode: 0o600 });
    for (let attempt = 0; attempt < 10; attempt++) {
      if (linked(own, path)) return { kind: "locked", lock: { release: () => releaseIfOwn(path) } };
      const held = read(path);
      const holder = held === undefined ? undefined : parseProcessId(held);
      if (holder !== undefined && isAlive(holder)) return { kind: "held", pid: holder.pid };
      if (held !== undefined) removeStale(path, held);
    }
    return { kind: "failed", reason: "the lock changes hands all the time" };
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  } finally {
    rmSync(own, { force: true });
  }
}

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
