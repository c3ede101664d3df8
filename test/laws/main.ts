// `npm run laws -- --runs N [--seed S] [--only LAW]`: every law over N random cases (the frames: 100 N), on two
// processes. Ends at the first counterexample with its seed; the same seed with `--runs 1` shows it again.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Law } from "./law.ts";
import { laws } from "./laws.ts";
import type { Part, Report } from "./worker.ts";

const processes = 2;
const printEveryMs = 10_000;

const { values } = parseArgs({
  options: { runs: { type: "string" }, seed: { type: "string" }, only: { type: "string" } },
});
const runs = Number(values.runs ?? "100");
const first = Number(values.seed ?? Date.now() % 1_000_000_000);
const chosen = laws.filter(({ name }) => values.only === undefined || name === values.only);

interface Broken {
  /** How many runs show it again, from that seed. */
  readonly runs: number;
  readonly seed: number;
  readonly reason: string;
}

interface Progress {
  readonly done: number[];
  readonly broken: Broken[];
}

const children = new Set<ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    for (const child of children) child.kill("SIGKILL");
    process.exit(1);
  });

/** Resolves when the part has ended, well or not. */
function runPart(law: Law, part: Part, progress: Progress, index: number): Promise<void> {
  const child = fork(join(import.meta.dirname, "worker.ts"), [JSON.stringify(part)], {
    execArgv: ["--import", "tsx", "--expose-gc"],
  });
  children.add(child);
  let over = false;
  child.on("message", (report: Report) => {
    progress.done[index] = report.done;
    if (report.kind === "at") return;
    over = true;
    if (report.kind === "broken") progress.broken.push({ ...report, runs: 1 });
    else if (report.grew !== undefined && report.grew > (law.mayGrow ?? Infinity))
      progress.broken.push({ seed: first, runs, reason: `the heap grew by ${report.grew} bytes` });
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      children.delete(child);
      if (!over) progress.broken.push({ seed: first, runs, reason: `a process ended: ${signal ?? code}` });
      // The others need not go on.
      if (progress.broken.length > 0) for (const other of children) other.kill("SIGKILL");
      resolve();
    });
  });
}

/** The number of cases that held, and what broke the law. */
async function hold(law: Law): Promise<{ readonly passed: number; readonly broken: Broken | undefined }> {
  const cases = runs * law.perRun;
  const count = Math.min(processes, cases);
  const progress: Progress = { done: Array.from({ length: count }, () => 0), broken: [] };
  const began = performance.now();
  const passed = (): number => progress.done.reduce((a, b) => a + b, 0);
  const timer = setInterval(() => console.log(`  ${law.name}: ${passed()} of ${cases}`), printEveryMs);
  await Promise.all(
    progress.done.map((_, i) =>
      runPart(law, { law: law.name, first: first + i, end: first + cases, step: count }, progress, i),
    ),
  );
  clearInterval(timer);
  const [broken] = progress.broken;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `${broken === undefined ? "ok    " : "BROKEN"} ${law.name}: ${passed()} ${law.unit} in ${seconds} s`,
  );
  return { passed: passed(), broken };
}

async function main(): Promise<boolean> {
  if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(first) || chosen.length === 0) {
    const names = laws.map(({ name }) => name).join("|");
    console.error(`usage: npm run laws -- --runs N [--seed S] [--only ${names}]`);
    return false;
  }
  console.log(`laws: ${runs} runs from seed ${first}, ${processes} processes`);
  let all = 0;
  for (const law of chosen) {
    const { passed, broken } = await hold(law);
    all += passed;
    if (broken === undefined) continue;
    console.error(`\nlaw ${law.name} is broken at seed ${broken.seed}:\n${broken.reason}`);
    console.error(`\nagain: npm run laws -- --only ${law.name} --runs ${broken.runs} --seed ${broken.seed}`);
    console.log(`${all} passed, 1 failed`);
    return false;
  }
  console.log(`${all} passed, 0 failed`);
  return true;
}

process.exitCode = (await main()) ? 0 : 1;
