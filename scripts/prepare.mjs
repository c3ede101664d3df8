// Makes a fresh clone runnable: installs the locked packages when they are missing or older than the lock file.
// Uses nothing but Node itself. Ten may start at once: a lock lets one work and the others wait.
import { spawnSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cache = join(root, ".cache");
const stamp = join(root, "node_modules", ".prepared");
const lock = join(cache, "prepare.pid");

const wanted = () => readFileSync(join(root, "package-lock.json"), "utf8");
const isPrepared = () => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted();

const readIfThere = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/** The lock appears with its owner's number in it in one step, or it is somebody else's. */
function linked(own, path) {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function isGone(owner) {
  if (!/^[1-9]\d*$/.test(owner)) return true;
  try {
    process.kill(Number(owner), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Moved aside and not removed: another may have taken it over in between, and gets his lock back. */
function removeStale(path, owner) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // somebody else moved it first
  }
  if (readIfThere(aside) !== owner) linked(aside, path);
  rmSync(aside, { force: true });
}

/** Waits for the lock; answers how to give it back. A lock whose owner is gone is nobody's. */
export async function takeLock(path, waitMs = 300_000) {
  const own = `${path}.${process.pid}`;
  const me = String(process.pid);
  const deadline = Date.now() + waitMs;
  writeFileSync(own, me);
  try {
    while (!linked(own, path)) {
      const owner = readIfThere(path);
      if (owner !== undefined && isGone(owner)) {
        removeStale(path, owner);
        continue;
      }
      if (Date.now() > deadline)
        throw new Error(`${path}: held by another run for 5 minutes; remove it if that run is gone`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => {
    if (readIfThere(path) === me) rmSync(path, { force: true });
  };
}

function install() {
  process.stderr.write("installing packages (once)\n");
  const run = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline"], {
    cwd: root,
    encoding: "utf8",
  });
  if (run.status === 0) return;
  process.stderr.write(run.stdout + run.stderr);
  throw new Error("npm ci failed; the lines above say why");
}

export async function prepare() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Error(`node ${process.versions.node}: at least 20.19 is needed`);
  if (isPrepared()) return;
  mkdirSync(cache, { recursive: true });
  const release = await takeLock(lock);
  try {
    if (isPrepared()) return;
    install();
    writeFileSync(stamp, wanted());
  } finally {
    release();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await prepare().catch((error) => {
    process.stderr.write(`hydrascale: ${error.message}\n`);
    process.exitCode = 1;
  });
}
