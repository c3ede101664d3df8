// Writes the pages of docs/ that are made from code. A test says when they are behind.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { register } from "tsx/esm/api";

register();
const { generatedPages } = await import("../packages/cli/src/reference/pages.ts");
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const [path, make] of Object.entries(generatedPages)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), make());
  console.log(path);
}
