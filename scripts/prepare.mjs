// Makes a fresh clone runnable: installs the locked packages when they are missing or older than the lock file.
// Uses nothing but Node itself. Ten may start at once: a lock directory lets one work and the others wait.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cache = join(root, ".cache");
const stamp = join(root, "node_modules", ".prepared");
const lock = join(cache, "prepare.lock");

const wanted = () => readFileSync(join(root, "package-lock.json"), "utf8");
const isPrepared = () => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted();

/** A lock whose owner is gone is nobody's. */
function ownerIsGone() {
  try {
    const pid = Number(readFileSync(join(lock, "pid"), "utf8"));
    if (!pid) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    if (error.code === "ENOENT") return existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 5000;
    return error.code === "ESRCH";
  }
}

async function takeLock() {
  const deadline = Date.now() + 300_000;
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, "pid"), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (ownerIsGone()) rmSync(lock, { recursive: true, force: true });
    if (Date.now() > deadline)
      throw new Error(`${lock}: held by another run for 5 minutes; remove it if that run is gone`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
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
  await takeLock();
  try {
    if (isPrepared()) return;
    install();
    writeFileSync(stamp, wanted());
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await prepare().catch((error) => {
    process.stderr.write(`hydrascale: ${error.message}\n`);
    process.exitCode = 1;
  });
}
