import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockFolder } from "./lock.ts";
import { isAlive, processId, signal } from "./process.ts";

function inFolder(body: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "hydrascale-lock-"));
  try {
    body(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("a held folder is refused with its name and the holder's process", () => {
  inFolder((dir) => {
    const first = lockFolder(dir);
    assert.ok(first.ok);
    const second = lockFolder(dir);
    assert.ok(!second.ok);
    assert.equal(second.error.code, "setup");
    assert.ok(second.error.message.includes(dir) && second.error.message.includes(String(process.pid)));
    first.value.release();
    const third = lockFolder(dir);
    assert.ok(third.ok);
    third.value.release();
    assert.deepEqual(readdirSync(dir), []);
  });
});

test("a lock is taken over when its holder is dead, its number belongs to another process, or it is garbage", () => {
  inFolder((dir) => {
    const left = [
      JSON.stringify({ pid: 2 ** 22 + 5, started: "x" }),
      JSON.stringify({ pid: process.pid, started: "another start" }),
      "garbage",
      "",
    ];
    for (const content of left) {
      writeFileSync(join(dir, "lock"), content);
      const lock = lockFolder(dir);
      assert.ok(lock.ok, content);
      assert.ok(!lockFolder(dir).ok);
      lock.value.release();
    }
    assert.deepEqual(readdirSync(dir), []);
  });
});

test("a signal reaches the process that is meant and no later one of the same number", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const id = processId(child.pid ?? 0);
  assert.ok(id !== undefined);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  signal({ ...id, started: "earlier" }, "SIGKILL");
  assert.ok(isAlive(id));
  signal(id, "SIGKILL");
  await gone;
  assert.ok(!isAlive(id));
});
