// A nats-server of our own as a child process: on loopback, synced, with keys of this folder. It is started again with
// back-off when it exits, on the same ports, and ends with us: by the kernel's parent-death signal where there is one,
// else the next start on the folder ends what its pid file names.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { messageOf, problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import type { EdgeLog } from "./edge-log.ts";
import { seedsOf } from "./identity.ts";
import type { Seeds } from "./identity.ts";
import { isAlive, parseProcessId, processId, signal } from "./process.ts";
import type { ProcessId } from "./process.ts";
import { serverConfig } from "./server-config.ts";

export interface ChildOptions {
  readonly bin: string;
  /** Holds configuration, keys, pid file, log and the store. */
  readonly dir: string;
  readonly log: EdgeLog;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readyMs?: number;
  readonly fsync?: boolean;
}

export interface NatsServerChild {
  readonly url: string;
  readonly monitoringUrl: string;
  readonly seeds: Seeds;
  /** Of the current incarnation; 0 between two. */
  readonly pid: number;
  /** Told of every exit that was not asked for. It is restarted all the same. */
  onExit(listener: (reason: string) => void): void;
  /** Asks it to end, then ends it. */
  stop(): Promise<void>;
}

interface Ports {
  readonly port: number;
  readonly monitoringPort: number;
}

const stopMs = 10_000;
const startTries = 3;

export async function startNatsServer(options: ChildOptions): Promise<Result<NatsServerChild, Problem>> {
  let seeds: Seeds;
  try {
    mkdirSync(join(options.dir, "store"), { recursive: true, mode: 0o700 });
    seeds = seedsOf(options.dir);
  } catch (error) {
    return err(problem("setup", `folder ${options.dir}: ${messageOf(error)}`));
  }
  await endPredecessor(options);
  let reason = "";
  for (let attempt = 0; attempt < startTries; attempt++) {
    const child = new Child(
      options,
      seeds,
      await freePorts(),
      `hydrascale-${randomBytes(6).toString("hex")}`,
    );
    const failed = await child.start();
    if (failed === undefined) return ok(child);
    await child.stop();
    reason = failed;
  }
  return err(
    problem(
      "setup",
      `nats-server: does not start: ${reason}`,
      `its own words are in nats.log and nats.out in ${options.dir}`,
    ),
  );
}

class Child implements NatsServerChild {
  readonly url: string;
  readonly monitoringUrl: string;
  readonly seeds: Seeds;
  private readonly options: ChildOptions;
  private readonly ports: Ports;
  private readonly serverName: string;
  private readonly listeners: ((reason: string) => void)[] = [];
  private process: ChildProcess | undefined;
  private stopping = false;
  private failures = 0;
  private cancelRestart: () => void = () => {};

  constructor(options: ChildOptions, seeds: Seeds, ports: Ports, serverName: string) {
    this.options = options;
    this.seeds = seeds;
    this.ports = ports;
    this.serverName = serverName;
    this.url = `nats://127.0.0.1:${ports.port}`;
    this.monitoringUrl = `http://127.0.0.1:${ports.monitoringPort}`;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  onExit(listener: (reason: string) => void): void {
    this.listeners.push(listener);
  }

  /** The reason why it did not become ready. */
  async start(): Promise<string | undefined> {
    const { dir, fsync = true } = this.options;
    const { port, monitoringPort } = this.ports;
    const { seeds, serverName } = this;
    const config = { serverName, port, monitoringPort, seeds, fsync };
    const text = serverConfig({ ...config, storeDir: join(dir, "store"), logFile: join(dir, "nats.log") });
    writeFileSync(configPath(dir), text, { mode: 0o600 });
    const spawned = this.spawn();
    return await this.ready(spawned);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.cancelRestart();
    const { process: child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const cancel = this.options.clock.after(stopMs, () => child.kill("SIGKILL"));
    await gone;
    cancel();
  }

  private spawn(): ChildProcess {
    const { bin, dir, env, log } = this.options;
    const [command, ...args] = [...parentDeathWrapper(env), bin, "-c", configPath(dir)];
    // What it says before it has its own log, such as why it refuses its configuration.
    const out = openSync(join(dir, "nats.out"), "w", 0o600);
    // In a group of its own, so that Ctrl-C at a terminal does not end it before the roles that need it.
    const child = spawn(command ?? bin, args, {
      stdio: ["ignore", out, out],
      env: { ...env },
      detached: true,
    });
    closeSync(out);
    this.process = child;
    const id = child.pid === undefined ? undefined : processId(child.pid);
    if (id !== undefined) writeFileSync(pidPath(dir), JSON.stringify(id), { mode: 0o600 });
    let ended = false;
    const over = (reason: string): void => {
      if (ended) return;
      ended = true;
      if (this.process === child) this.process = undefined;
      if (this.stopping) return;
      log.warn("nats-server ended and is started again", { reason });
      for (const listener of this.listeners) listener(reason);
      this.restartLater();
    };
    child.once("error", (error) => over(error.message));
    child.once("exit", (code, by) => {
      rmSync(pidPath(dir), { force: true });
      over(by === null ? `exit status ${code ?? 0}` : `signal ${by}`);
    });
    return child;
  }

  private restartLater(): void {
    const ms = Math.min(100 * 2 ** this.failures++, 5_000);
    this.cancelRestart = this.options.clock.after(ms, () => {
      if (this.stopping) return;
      const child = this.spawn();
      void this.ready(child).then((failed) => {
        if (failed === undefined) this.failures = 0;
      });
    });
  }

  private async ready(child: ChildProcess): Promise<string | undefined> {
    const { clock, readyMs = 30_000 } = this.options;
    const deadline = clock.monotonic() + readyMs;
    while (clock.monotonic() < deadline) {
      if (this.process !== child) return "it exits at once";
      if (await isReady(this.monitoringUrl, this.serverName)) return undefined;
      await new Promise<void>((resolve) => {
        clock.after(25, resolve);
      });
    }
    return `not ready within ${readyMs} ms`;
  }
}

const configPath = (dir: string): string => join(dir, "nats.conf");
const pidPath = (dir: string): string => join(dir, "nats.pid");

/** Ready, and ours: another server may have got the port meanwhile. */
async function isReady(monitoringUrl: string, serverName: string): Promise<boolean> {
  try {
    const health = await fetch(`${monitoringUrl}/healthz`, { signal: AbortSignal.timeout(1_000) });
    await health.arrayBuffer();
    if (!health.ok) return false;
    const varz = await fetch(`${monitoringUrl}/varz`, { signal: AbortSignal.timeout(1_000) });
    const about: unknown = await varz.json();
    return (
      typeof about === "object" &&
      about !== null &&
      "server_name" in about &&
      about.server_name === serverName
    );
  } catch {
    return false;
  }
}

/** util-linux's setpriv asks the kernel to kill the server when this process dies, however it dies. */
function parentDeathWrapper(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (process.platform !== "linux") return [];
  for (const dir of (env["PATH"] ?? "/usr/bin:/bin").split(delimiter)) {
    const path = join(dir, "setpriv");
    try {
      accessSync(path, constants.X_OK);
      return [path, "--pdeathsig", "KILL", "--"];
    } catch {
      // Not here.
    }
  }
  return [];
}

/** A server that an earlier run left behind still holds the store; two on one store would ruin it. */
async function endPredecessor(options: ChildOptions): Promise<void> {
  const { clock, dir, log } = options;
  const left = readPid(pidPath(dir));
  if (left === undefined || !isAlive(left)) return;
  log.warn("an earlier run's nats-server is still there and is ended", { pid: left.pid });
  signal(left, "SIGTERM");
  const deadline = clock.monotonic() + stopMs;
  while (isAlive(left)) {
    if (clock.monotonic() > deadline) signal(left, "SIGKILL");
    await new Promise<void>((resolve) => {
      clock.after(25, resolve);
    });
  }
}

function readPid(path: string): ProcessId | undefined {
  try {
    return parseProcessId(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

async function freePorts(): Promise<Ports> {
  const [first, second] = [await listening(), await listening()];
  const ports = { port: first.port, monitoringPort: second.port };
  await Promise.all([first.close(), second.close()]);
  return ports;
}

function listening(): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
