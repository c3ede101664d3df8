import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { generatedPages } from "./pages.ts";

for (const [path, make] of Object.entries(generatedPages)) {
  test(`${path} says what the code says (else run npm run docs)`, () => {
    assert.equal(readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8"), make());
  });
}
