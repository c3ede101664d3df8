// A whole installation for tests: `hydrascale up` as a process of its own on a throw-away folder. It knows every process
// of its tree, kills any of them as a crash would, and starts again on the same folder and the same ports.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export interface Ready {
  readonly control: string;
  readonly api: string;
  readonly apiKey: string;
  readonly preAuthKey: string;
  readonly pids: { readonly up: number; readonly "nats-server": number };
  readonly dir: string;
}

export interface UpOptions {
  /** Merged over the default configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A start has this long; a machine may be busy. */
  readonly readyMs?: number;
}

const script = join(import.meta.dirname, "..", "..", "scripts", "hydrascale.mjs");

export class Up {
  readonly root: string;
  readonly url: string;
  readonly state: string;
  private readonly readyMs: number;
  private child: ChildProcess | undefined;
  private out = "";

  private constructor(root: string, port: number, stunPort: number, options: UpOptions) {
    this.root = root;
    this.state = join(root, "state");
    this.url = `http://127.0.0.1:${port}`;
    this.readyMs = options.readyMs ?? 90_000;
    const config = {
      server_url: this.url,
      listen_addr: `127.0.0.1:${port}`,
      metrics_listen_addr: "",
      derp: {
        server: { enabled: true, stun_listen_addr: `127.0.0.1:${stunPort}`, ipv4: "127.0.0.1", ipv6: "none" },
      },
      dns: { magic_dns: true, base_domain: "chaos.test" },
      log: { level: "info" },
      ...options.config,
    };
    writeFileSync(join(root, "config.yaml"), JSON.stringify(config));
  }

  /** A folder and ports; nothing runs yet. */
  static async create(options: UpOptions = {}): Promise<Up> {
    const root = await mkdtemp(join(tmpdir(), "hydrascale-up-"));
    return new Up(root, await freePort(), await freePort(), options);
  }

  /** Begins a start. `ready` tells when it serves; `crash` may come before that. */
  begin(): void {
    if (this.child !== undefined && isRunning(this.child.pid)) throw new Error("it runs already");
    mkdirSync(this.state, { recursive: true });
    const log = openSync(join(this.root, "server.log"), "a");
    const args = ["up", "--json", "--dir", this.state, "--config", join(this.root, "config.yaml")];
    const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", log] });
    closeSync(log);
    this.out = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (this.child === child) this.out += text;
    });
    this.child = child;
  }

  async ready(): Promise<Ready> {
    const deadline = performance.now() + this.readyMs;
    while (performance.now() < deadline) {
      const end = this.out.indexOf("\n");
      if (end >= 0) return JSON.parse(this.out.slice(0, end)) as Ready;
      if (!isRunning(this.upPid)) throw new Error(`hydrascale up ended before it was ready:\n${this.tail()}`);
      await pause(10);
    }
    throw new Error(`hydrascale up: not ready within ${this.readyMs} ms:\n${this.tail()}`);
  }

  async start(): Promise<Ready> {
    this.begin();
    return this.ready();
  }

  get upPid(): number | undefined {
    return this.child?.pid;
  }

  /** Of the current incarnation, from the folder; undefined between two. */
  get natsPid(): number | undefined {
    try {
      const { pid } = JSON.parse(readFileSync(join(this.state, "nats", "nats.pid"), "utf8")) as {
        pid: number;
      };
      return isNats(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** kill -9, and waits until they are gone. */
  async kill(what: "tree" | "up" | "nats-server"): Promise<void> {
    const nats = this.natsPid;
    const up = this.upPid;
    if (what !== "nats-server" && up !== undefined && isRunning(up)) process.kill(up, "SIGKILL");
    if (what !== "up" && nats !== undefined && isNats(nats)) process.kill(nats, "SIGKILL");
    const victims = [what === "nats-server" ? undefined : up, what === "up" ? undefined : nats];
    await gone(victims, 10_000);
  }

  /** As an operator ends it. */
  async stop(): Promise<void> {
    const up = this.upPid;
    const nats = this.natsPid;
    if (up !== undefined && isRunning(up)) process.kill(up, "SIGTERM");
    await gone([up, nats], 20_000).catch(async () => this.kill("tree"));
  }

  /** Nothing of it is left afterwards. */
  async end(): Promise<void> {
    await this.kill("tree");
    await rm(this.root, { recursive: true, force: true });
  }

  /** For a process.on("exit") handler, where nothing can be awaited. */
  killNow(): void {
    for (const pid of [this.upPid, this.natsPid]) if (isRunning(pid)) process.kill(pid ?? 0, "SIGKILL");
  }

  tail(lines = 12): string {
    try {
      return readFileSync(join(this.root, "server.log"), "utf8").split("\n").slice(-lines).join("\n");
    } catch {
      return "";
    }
  }
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kb === undefined) throw new Error(`process ${pid}: no VmRSS`);
  return Number(kb) * 1024;
}

/** A zombie that nobody reaped yet does not count. */
export function isRunning(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** A pid may have been given to another program since. */
function isNats(pid: number): boolean {
  try {
    return isRunning(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("nats-server");
  } catch {
    return false;
  }
}

async function gone(pids: readonly (number | undefined)[], ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (pids.some(isRunning)) {
    if (performance.now() > deadline)
      throw new Error(`processes ${pids.filter(isRunning).join(", ")} do not end`);
    await pause(5);
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
