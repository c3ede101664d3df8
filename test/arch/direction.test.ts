import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { layers, specials } from "./direction.ts";
import { files, importsOf, isProduct, layerOf, root } from "./tree.ts";

const product = files.filter(({ path }) => isProduct(path) && path.endsWith(".ts"));
const imports = product.flatMap(importsOf);
const inside = (to: string, listed: readonly string[]): boolean =>
  listed.some((one) => (one.endsWith("/") ? to.startsWith(one) : to === one));

test("every layer has a rule", () => {
  const known = new Set(layers.map(({ layer }) => layer));
  assert.deepEqual(
    [...new Set(product.map(({ path }) => layerOf(path)))].filter((layer) => !known.has(layer ?? "")),
    [],
  );
});

test("imports are found: each names a file that is there", () => {
  const ours = imports.filter(({ to }) => to.startsWith("packages/"));
  assert.ok(ours.length > product.length, `${ours.length} imports in ${product.length} files`);
  assert.deepEqual(
    ours.filter(({ to }) => !existsSync(join(root, `${to}.ts`))),
    [],
  );
});

for (const { layer, may, types = [], because } of layers)
  test(`${layer} imports ${may.length === 0 ? "nothing" : `only ${may.join(", ")}`}: ${because}`, () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const other = layerOf(to);
      if (layerOf(from) !== layer || other === undefined || other === layer || may.includes(other))
        return false;
      return !(typeOnly && inside(to, types));
    });
    assert.deepEqual(wrong, []);
  });

for (const { what, matches, allowed, because } of specials)
  test(`${what}: ${because}`, () => {
    assert.deepEqual(
      imports.filter(({ from, to }) => matches(to) && !allowed(from)),
      [],
    );
  });

test("process.env, argv and exit are for main.ts: everything else gets what it needs handed in", () => {
  const reads = /\bprocess\.(env|argv|exit|exitCode|abort)\b|\bfrom "node:process"/;
  const wrong = product.filter(({ path, text }) => !path.endsWith("/src/main.ts") && reads.test(text));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test("the pure layers know no clock and no chance: both come in from outside", () => {
  const impure =
    /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate)\(|\bnew Date\(\)/;
  const edges = ["clock.ts", "fake-clock.ts"].map((name) => `packages/core/src/lib/${name}`);
  const pure = product.filter(
    ({ path }) =>
      /^packages\/core\/src\/(lib|crypto|wire|domain|netmap|store)\//.test(path) && !edges.includes(path),
  );
  assert.deepEqual(
    pure.filter(({ text }) => impure.test(text)).map(({ path }) => path),
    [],
  );
});
