// The lock under which a fresh clone is prepared, with several processes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const prepare = fileURLToPath(new URL("../../scripts/prepare.mjs", import.meta.url));

/** Takes the lock, holds it for a moment, and ends with an error if somebody else holds it too. */
const holder = `
  const { openSync, rmSync } = await import("node:fs");
  const [dir] = process.argv.slice(1);
  const { takeLock } = await import(${JSON.stringify(prepare)});
  const release = await takeLock(dir + "/lock");
  openSync(dir + "/inside", "wx");
  await new Promise((resolve) => setTimeout(resolve, 30));
  rmSync(dir + "/inside");
  release();
`;

test("ten that start at once on a dead run's lock work one after the other, and leave nothing behind", async () => {
  const dir = mkdtempSync(join(tmpdir(), "hydrascale-prepare-"));
  writeFileSync(join(dir, "lock"), String(2 ** 22 + 5));
  const runs = Array.from(
    { length: 10 },
    () =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", holder, dir], {
          stdio: "ignore",
        });
        child.once("exit", resolve);
      }),
  );
  assert.deepEqual(await Promise.all(runs), Array(10).fill(0));
  assert.deepEqual(readdirSync(dir), []);
  rmSync(dir, { recursive: true });
});
