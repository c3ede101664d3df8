// Starts `hydrascale up` for the adapters: in the background, in a folder of its own, and knows it again by its pid.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
/** A fresh clone installs its packages and obtains nats-server within this. */
const startMs = 85_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A zombie that nobody reaped yet does not count as running. */
function isRunning(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Writes the configuration (JSON is YAML) and starts. Resolves with the ready line's object. */
export async function start(dir, config, { env = {}, flags = [] } = {}) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "config.yaml"), JSON.stringify(config, null, 2));
  writeFileSync(join(dir, "env.json"), JSON.stringify({ env, flags }));
  return launch(dir);
}

/** Starts what start() configured, on the same state. `wait: false` returns once the process exists. */
export async function launch(dir, { wait = true } = {}) {
  const { env, flags } = JSON.parse(readFileSync(join(dir, "env.json"), "utf8"));
  const out = join(dir, "ready.json");
  writeFileSync(out, "");
  const log = openSync(join(dir, "server.log"), "a");
  const child = spawn(
    process.execPath,
    [
      join(root, "scripts", "hydrascale.mjs"),
      "up",
      "--json",
      "--dir",
      join(dir, "state"),
      "--config",
      join(dir, "config.yaml"),
      ...flags,
    ],
    {
      detached: true,
      stdio: ["ignore", openSync(out, "a"), log],
      env: { ...process.env, ...env },
    },
  );
  child.unref();
  writeFileSync(join(dir, "pid"), String(child.pid));
  if (!wait) return { pids: { up: child.pid } };
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline) {
    const text = readFileSync(out, "utf8");
    if (text.includes("\n")) {
      const ready = JSON.parse(text.slice(0, text.indexOf("\n")));
      writeFileSync(join(dir, "pids.json"), JSON.stringify(ready.pids));
      return ready;
    }
    if (!isRunning(child.pid))
      throw new Error(`hydrascale up ended before it was ready:\n${tail(join(dir, "server.log"))}`);
    await pause(20);
  }
  throw new Error(`hydrascale up is not ready after ${startMs / 1000} s:\n${tail(join(dir, "server.log"))}`);
}

const tail = (file) => readFileSync(file, "utf8").split("\n").slice(-15).join("\n");

export const pidsOf = (dir) =>
  existsSync(join(dir, "pids.json"))
    ? Object.values(JSON.parse(readFileSync(join(dir, "pids.json"), "utf8"))).flat()
    : [];

/** Ends the processes that start() began in this folder, and waits for them. */
export async function end(dir, signal) {
  if (!existsSync(join(dir, "pid"))) return;
  const up = Number(readFileSync(join(dir, "pid"), "utf8"));
  const pids = signal === "SIGKILL" ? [up, ...pidsOf(dir).filter((p) => p !== up)] : [up];
  for (const pid of pids) signalIfOurs(dir, pid, signal);
  const deadline = Date.now() + 15_000;
  while ([up, ...pidsOf(dir)].some(isRunning)) {
    if (Date.now() > deadline) for (const pid of [up, ...pidsOf(dir)]) signalIfOurs(dir, pid, "SIGKILL");
    await pause(20);
    if (Date.now() > deadline + 5_000) throw new Error(`processes of ${dir} do not end`);
  }
}

/** A pid may have been given to another program since, also to one of ours: its command line names its folder. */
function signalIfOurs(dir, pid, signal) {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    const state = [join(dir, "state"), resolve(dir, "state")];
    if (state.some((path) => command.includes(path))) process.kill(pid, signal);
  } catch {
    // gone already
  }
}

export const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** One exit point: what failed goes to stderr. */
export function run(main) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode ?? 1;
  });
}
