// Everything a contributor needs, in the order in which failures are cheapest. `npm test` runs the usual stages;
// `npm test -- unit` or `npm test -- unit noise` runs one, or the files of it whose path contains a word.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { hasShared } from "./shared.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bin = (name) => join(root, "node_modules", ".bin", name);
const tsx = ["--import", "tsx", "--test-reporter=spec"];
const special = [".nats.test.ts", ".e2e.test.ts", ".chaos.test.ts"];

const walk = (dir) =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : walk(path);
    return [path];
  });

/** Tests below packages/ and test/ that end in one of the suffixes; `.test.ts` means: and in no longer known one. */
const testFiles = (suffixes, word) =>
  [...walk(join(root, "packages")), ...walk(join(root, "test"))]
    .filter((path) => suffixes.some((suffix) => path.endsWith(suffix)))
    .filter((path) => suffixes[0] !== ".test.ts" || !special.some((one) => path.endsWith(one)))
    .map((path) => relative(root, path))
    .filter((path) => word === undefined || path.includes(word))
    .sort();

const ownProcess = (files) => [
  process.execPath,
  [...tsx, "--test", "--test-concurrency=1", "--test-force-exit", ...files],
];

const stages = {
  types: { says: "tsc over the whole tree", run: () => [bin("tsc"), ["-p", "."]] },
  lint: { says: "oxlint, with types", run: () => [bin("oxlint"), ["--type-aware", "--deny-warnings", "."]] },
  format: { says: "oxfmt, changing nothing", run: () => [bin("oxfmt"), ["--check", "."]] },
  unit: {
    says: "pure tests, architecture and docs, in one process",
    files: (word) => testFiles([".test.ts"], word),
    run: (files) => [process.execPath, [...tsx, join("test", "unit.ts"), ...files]],
  },
  laws: {
    says: "a few of the random histories, handshakes and frames of `npm run laws`",
    run: () => [process.execPath, ["--import", "tsx", join("test", "laws", "main.ts"), "--runs", "20"]],
  },
  server: {
    says: "with a real nats-server, and whole gateways with clients",
    files: (word) => testFiles([".nats.test.ts", ".e2e.test.ts"], word),
    run: ownProcess,
  },
  chaos: {
    says: "killing things at random moments",
    files: (word) => testFiles([".chaos.test.ts"], word),
    run: ownProcess,
  },
};
const usual = ["types", "lint", "format", "unit", "laws", "server"];

function runStage(name, word) {
  const { says, files, run } = stages[name];
  const list = files?.(word);
  if (list?.length === 0) {
    console.error(`— ${name}: no test file${word === undefined ? "" : ` has "${word}" in its path`}`);
    return false;
  }
  console.log(`\n— ${name}: ${says}${list === undefined ? "" : ` (${list.length} files)`}`);
  const [command, args] = run(list);
  const began = performance.now();
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (done.error) console.error(`— ${name}: ${done.error.message}`);
  console.log(`— ${name}: ${done.status === 0 ? "ok" : "failed"} in ${seconds} s`);
  return done.status === 0;
}

const args = process.argv.slice(2);
const named = args.filter((arg) => arg in stages);
const words = args.filter((arg) => !(arg in stages));
if (words.length > 1 || (words.length === 1 && named.length === 0)) {
  console.error(`usage: npm test [-- ${Object.keys(stages).join("|")} … [word in the path]]`);
  process.exit(2);
}
const chosen = named.length === 0 ? usual : named;
console.log(`node ${process.versions.node}: ${chosen.join(", ")}`);
// A person fixes the first thing first; an unattended run tells all that it can find out.
const failed = [];
for (const name of chosen) {
  if (failed.length > 0 && !process.env.CI) break;
  if (!runStage(name, words[0])) failed.push(name);
}
if (named.length === 0 && !hasShared())
  console.log("left out: what needs the peer tools in ../shared, which is not there");
if (failed.length > 0) {
  console.log(`failed: ${failed.join(", ")}`);
  process.exit(1);
}
