import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { files, isCode, isProduct, isTest } from "./tree.ts";

const soft = 350;
const hard = 600;
const testHard = 800;
const middle = 120;

/** Longer than the soft cap, each with the reason why it stays one file. */
const longer: Readonly<Record<string, string>> = {
  "packages/gateway/src/http2/codec/session.ts":
    "one state machine: which frame may come next depends on all that came before on this connection",
};

const code = files.filter(({ path }) => isCode(path));
const source = code.filter(({ path }) => !isTest(path));

test(`source files keep within ${soft} lines, or are listed with a reason`, () => {
  const over = source.filter(({ lines, path }) => lines > soft && longer[path] === undefined);
  assert.deepEqual(
    over.map(({ path, lines }) => `${path}: ${lines}`),
    [],
  );
  const idle = Object.keys(longer).filter(
    (path) => !source.some((file) => file.path === path && file.lines > soft),
  );
  assert.deepEqual(idle, [], "an exception that nothing needs is to be taken away");
});

test(`no source file has more than ${hard} lines, no test more than ${testHard}`, () => {
  const over = code.filter(({ path, lines }) => lines > (isTest(path) ? testHard : hard));
  assert.deepEqual(
    over.map(({ path, lines }) => `${path}: ${lines}`),
    [],
  );
});

test(`half of the source files have at most ${middle} lines`, () => {
  const lengths = source.map(({ lines }) => lines).sort((a, b) => a - b);
  const p50 = lengths[Math.floor(lengths.length / 2)] ?? 0;
  assert.ok(p50 <= middle, `half of them have more than ${p50}`);
});

test("a file is named after a concept, in kebab-case", () => {
  const vague = /^(utils?|helpers?|common|misc|shared-utils|types|constants)\.|^index\./;
  const shape = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?(\.test)?\.(ts|mjs)$/;
  const wrong = code.filter(({ path }) => vague.test(basename(path)) || !shape.test(basename(path)));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test("a file begins with prose: what it is, what it must never do", () => {
  const headless = code.filter(
    ({ path, text }) => !path.endsWith(".test.ts") && !/^(#!.*\n)?(\/\/ |\/\*\*?)/.test(text),
  );
  assert.deepEqual(
    headless.map(({ path }) => path),
    [],
  );
});

test("there is something to judge", () => {
  assert.ok(code.filter(({ path }) => isProduct(path)).length > 200);
});
