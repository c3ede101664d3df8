// Everything a contributor needs, in the order in which failures are cheapest. `npm test` runs all stages;
// `npm test -- unit` or `npm test -- unit noise` runs one, or the files of it whose path contains a word.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const shared = existsSync(join(root, "..", "shared", "captures"));
const bin = (name) => join(root, "node_modules", ".bin", name);
const tsx = ["--import", "tsx", "--test-reporter=spec"];

/** Files below packages/ and test/ that end in `suffix` and in no longer known suffix. */
function files(suffix, word) {
  const special = [".nats.test.ts", ".e2e.test.ts", ".chaos.test.ts"];
  const found = [];
  const walk = (dir) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.name === "node_modules") continue;
      const path = join(dir, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (
        entry.name.endsWith(suffix) &&
        (suffix !== ".test.ts" || !special.some((s) => entry.name.endsWith(s)))
      )
        found.push(path);
    }
  };
  walk(join(root, "packages"));
  walk(join(root, "test"));
  return found.filter((f) => !word || f.includes(word)).sort();
}

const stages = {
  types: () => [bin("tsc"), ["-p", "."]],
  lint: () => [bin("oxlint"), ["--type-aware", "--deny-warnings", "."]],
  format: () => [bin("oxfmt"), ["--check", "."]],
  unit: (word) => [
    process.execPath,
    [...tsx, join(root, "test", "unit.ts"), ...files(".test.ts", word).map((f) => relative(root, f))],
  ],
  server: (word) => {
    const list = [...files(".nats.test.ts", word), ...files(".e2e.test.ts", word)];
    return [process.execPath, [...tsx, "--test", "--test-concurrency=1", "--test-force-exit", ...list]];
  },
  chaos: (word) => [
    process.execPath,
    [...tsx, "--test", "--test-concurrency=1", "--test-force-exit", ...files(".chaos.test.ts", word)],
  ],
};
const usual = ["types", "lint", "format", "unit", "server"];

const [first, ...rest] = process.argv.slice(2);
const chosen = first === undefined ? usual : [first, ...rest].filter((a) => a in stages);
const word = [first, ...rest].find((a) => a !== undefined && !(a in stages));
for (const stage of chosen) {
  console.log(`\n— ${stage}`);
  const [command, args] = stages[stage](word);
  const began = performance.now();
  const run = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  console.log(
    `— ${stage}: ${run.status === 0 ? "ok" : "failed"} in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  if (run.status !== 0) process.exit(run.status ?? 1);
}
if (!shared)
  console.log(
    "left out: what reads ../shared (vectors are in the tree; recorded answers and peer tools are not), since it is not there",
  );
