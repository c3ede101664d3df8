// ./hydrascale as an executable: from any directory, through symlinks, in a pipe.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../../hydrascale", import.meta.url));

test("it runs through a chain of symlinks from another directory, with spaces in names", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hs launcher "));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "bin"));
  symlinkSync(launcher, join(dir, "real link"));
  symlinkSync("../real link", join(dir, "bin", "hydrascale"));
  const run = spawnSync(join(dir, "bin", "hydrascale"), ["version", "-o", "json"], {
    cwd: dir,
    encoding: "utf8",
  });
  assert.equal(run.stderr, "");
  assert.match(JSON.parse(run.stdout).version, /^v\d+\.\d+\.\d+/);
  assert.equal(run.status, 0);
});

test("it exits with the status of the error table, and a reader that leaves early is no error", () => {
  const refused = spawnSync(launcher, ["nodes", "lst"], { encoding: "utf8" });
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /^hydrascale: lst: there is no such command\n/);
  const piped = spawnSync("sh", ["-c", '"$0" completion bash | true', launcher], { encoding: "utf8" });
  assert.equal(piped.stderr, "");
});
