import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeSecret } from "./welcome.ts";

test("a secret is for its owner alone and stays in the folder, whatever lay at its place", () => {
  const dir = mkdtempSync(join(tmpdir(), "hydrascale-secret-"));
  const path = join(dir, "api-key");
  const elsewhere = join(dir, "elsewhere");
  const check = (): void => {
    assert.equal(readFileSync(path, "utf8"), "new");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(readdirSync(dir).every((name) => name === "api-key" || name === "elsewhere"));
  };
  writeFileSync(path, "old");
  chmodSync(path, 0o644);
  writeSecret(path, "new");
  check();
  rmSync(path);
  writeFileSync(elsewhere, "untouched");
  symlinkSync(elsewhere, path);
  symlinkSync(elsewhere, `${path}.new`);
  writeSecret(path, "new");
  check();
  assert.equal(readFileSync(elsewhere, "utf8"), "untouched");
  rmSync(dir, { recursive: true });
});
