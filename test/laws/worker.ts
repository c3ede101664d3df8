// One part of a law's cases, in a process of its own: seeds `first`, `first + step`, … below `end`.
// Tells its parent how far it is, and the seed and the reason when the law is broken.

import { settledHeap } from "./heap.ts";
import { laws } from "./laws.ts";

export interface Part {
  readonly law: string;
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

export type Report =
  | { readonly kind: "at"; readonly done: number }
  | { readonly kind: "end"; readonly done: number; readonly grew: number | undefined }
  | { readonly kind: "broken"; readonly done: number; readonly seed: number; readonly reason: string };

const tellEveryMs = 500;
/** Readers put things off to a later turn, so there have to be turns. */
const casesPerTurn = 100;
const [text = "{}"] = process.argv.slice(2);
const part = JSON.parse(text) as Part; // our own parent's
const law = laws.find(({ name }) => name === part.law);
if (law === undefined) throw new Error(`no law ${part.law}`);

let seed = part.first;
let done = 0;
const tell = (report: Report): void => void process.send?.(report);
const broken = (error: unknown): void => {
  const causes: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) causes.push(one.stack ?? one.message);
  tell({ kind: "broken", done, seed, reason: causes.join("\ncaused by ") || String(error) });
};
// What nobody catches belongs to the case that runs.
process.on("uncaughtException", (error) => {
  if (process.exitCode === 1) return; // what the first one broke
  process.exitCode = 1;
  broken(error);
  setTimeout(() => process.exit(), 200);
});

let told = performance.now();
// Code and caches warm up first: the heap counts from a tenth of the way.
const cases = Math.max(0, Math.ceil((part.end - part.first) / part.step));
const warm = Math.min(Math.ceil(cases / 10) + 20, cases);
let before: number | undefined;

try {
  for (; seed < part.end; seed += part.step) {
    await law.check(seed);
    done++;
    if (done === warm && law.mayGrow !== undefined) before = await settledHeap();
    if (performance.now() - told > tellEveryMs) {
      told = performance.now();
      tell({ kind: "at", done });
    }
    if (done % casesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const grew = before === undefined ? undefined : (await settledHeap()) - before;
  tell({ kind: "end", done, grew });
} catch (error) {
  broken(error);
}
if (process.connected) process.disconnect();
