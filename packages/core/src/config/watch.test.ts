import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { watchFile } from "./watch.ts";

async function follow(t: TestContext, path: string): Promise<{ texts: string[]; reasons: string[] }> {
  const texts: string[] = [];
  const reasons: string[] = [];
  const watch = await watchFile(path, {
    everyMs: 50,
    changed: (text) => texts.push(text),
    unreadable: (reason) => reasons.push(reason),
  });
  t.after(() => watch.close());
  return { texts, reasons };
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "hs-watch-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) assert.fail(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a file is followed through writes, replacement, deletion and its return", async (t) => {
  const path = join(folder(t), "records.json");
  writeFileSync(path, "one");
  const { texts, reasons } = await follow(t, path);
  assert.deepEqual(texts, ["one"]);
  writeFileSync(path, "two");
  await until("written in place", () => texts.at(-1) === "two");
  writeFileSync(`${path}.new`, "three");
  renameSync(`${path}.new`, path);
  await until("renamed over", () => texts.at(-1) === "three");
  rmSync(path);
  await until("deletion told", () => reasons.length === 1);
  writeFileSync(path, "four");
  await until("made again", () => texts.at(-1) === "four");
  writeFileSync(path, "five");
  await until("written after that", () => texts.at(-1) === "five");
  assert.deepEqual(reasons, ["no such file"]);
});

test("the same content again is not told again", async (t) => {
  const path = join(folder(t), "records.json");
  writeFileSync(path, "one");
  const { texts } = await follow(t, path);
  writeFileSync(`${path}.new`, "one");
  renameSync(`${path}.new`, path);
  writeFileSync(path, "two");
  await until("the next content", () => texts.at(-1) === "two");
  assert.deepEqual(texts, ["one", "two"]);
});

test("a folder swapped by symlink is noticed, as config maps do it", async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, "a"));
  mkdirSync(join(dir, "b"));
  writeFileSync(join(dir, "a", "records.json"), "old");
  writeFileSync(join(dir, "b", "records.json"), "new");
  symlinkSync(join(dir, "a"), join(dir, "current"));
  symlinkSync(join("current", "records.json"), join(dir, "records.json"));
  const { texts } = await follow(t, join(dir, "records.json"));
  symlinkSync(join(dir, "b"), join(dir, "next"));
  renameSync(join(dir, "next"), join(dir, "current"));
  await until("content behind the new link", () => texts.at(-1) === "new");
});

test("a file that is not there yet, in a folder that is not there yet, is picked up when it comes", async (t) => {
  const dir = folder(t);
  const path = join(dir, "later", "records.json");
  const { texts, reasons } = await follow(t, path);
  assert.deepEqual(reasons, ["no such file"]);
  mkdirSync(join(dir, "later"));
  writeFileSync(path, "here");
  await until("its content", () => texts.at(-1) === "here");
});
