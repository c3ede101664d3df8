// The server as a child: it ends with its parent however that ends, and what it had acknowledged is there afterwards.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@hydrascale/core/lib/clock";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import { silent } from "@hydrascale/core/nats-server/edge-log";
import { findNatsServer } from "@hydrascale/core/nats-server/find";
import { isAlive, processId } from "@hydrascale/core/nats-server/process";
import type { ProcessId } from "@hydrascale/core/nats-server/process";
import { must } from "../support/nats.ts";

async function inFolder(body: (dir: string, bin: string) => Promise<void>): Promise<void> {
  const { bin } = must(await findNatsServer({ env: process.env, log: silent }));
  const dir = await mkdtemp(join(tmpdir(), "hydrascale-child-"));
  try {
    await body(dir, bin);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function until(what: string, check: () => boolean, ms = 10_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!check()) {
    assert.ok(performance.now() < deadline, `not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a server in a process of its own and kills that process; gives back the server's process. */
async function orphan(dir: string, bin: string, path: string | undefined): Promise<ProcessId> {
  const parent = fork(new URL("../support/nats-parent.ts", import.meta.url), [dir, bin], {
    env: { ...process.env, PATH: path },
    execArgv: ["--import", "tsx"],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    parent.once("message", (message) => resolve(Number(message)));
    parent.once("exit", () => reject(new Error("the parent ended")));
  });
  const server = processId(pid);
  assert.ok(server !== undefined);
  const gone = new Promise((resolve) => parent.once("exit", resolve));
  parent.kill("SIGKILL");
  await gone;
  return server;
}

const start = async (dir: string, bin: string) =>
  must(await startNatsServer({ bin, dir, log: silent, clock: systemClock, env: process.env }));

test(
  "kill -9 of the parent ends the server where the kernel can do it",
  { skip: process.platform !== "linux" },
  async () => {
    await inFolder(async (dir, bin) => {
      const server = await orphan(dir, bin, process.env["PATH"]);
      await until("the server's end", () => !isAlive(server));
      const child = await start(dir, bin);
      await child.stop();
    });
  },
);

test("where it cannot, the next start on the folder ends the server that was left", async () => {
  await inFolder(async (dir, bin) => {
    const server = await orphan(dir, bin, "/nowhere");
    assert.ok(isAlive(server));
    const child = await start(dir, bin);
    assert.ok(!isAlive(server));
    assert.notEqual(child.pid, server.pid);
    await child.stop();
  });
});

test("a pid file that names another process by now harms nobody, and keys and ports stay private", async () => {
  await inFolder(async (dir, bin) => {
    await writeFile(join(dir, "nats.pid"), JSON.stringify({ pid: process.pid, started: "long ago" }));
    const child = await start(dir, bin);
    const first = child.seeds;
    for (const name of ["nkeys.json", "nats.conf"]) {
      assert.equal((await stat(join(dir, name))).mode & 0o077, 0, name);
    }
    const config = await readFile(join(dir, "nats.conf"), "utf8");
    for (const seed of Object.values(first)) assert.ok(!config.includes(seed));
    await child.stop();
    assert.equal(child.pid, 0);
    const again = await start(dir, bin);
    assert.deepEqual(again.seeds, first);
    await again.stop();
  });
});

test("a server that cannot start is a problem with its folder, not a wait for ever", async () => {
  await inFolder(async (dir) => {
    const broken = await startNatsServer({
      bin: "/bin/false",
      dir,
      log: silent,
      clock: systemClock,
      env: process.env,
      readyMs: 2_000,
    });
    assert.ok(!broken.ok && broken.error.code === "setup");
    assert.ok(broken.error.hint?.includes(dir));
  });
});
