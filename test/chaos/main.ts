// `npm run chaos -- --kills N [--seed S] [--workers W] [--json]`: exit status 1 when a promise was broken.

import { parseArgs } from "node:util";
import { newSeed, runCampaign } from "./campaign.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string" },
    workers: { type: "string", default: "12" },
    json: { type: "boolean", default: false },
  },
});
const number = (name: string, text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  process.stderr.write(`chaos: --${name}: a number is expected\n`);
  process.exit(2);
};
// What was started is ended by a handler of "exit".
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const report = await runCampaign({
  kills: number("kills", values.kills),
  seed: values.seed === undefined ? newSeed() % 1_000_000_000 : number("seed", values.seed),
  workers: number("workers", values.workers),
  say: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${values.json ? JSON.stringify(report) : JSON.stringify(report, null, 2)}\n`);
process.exit(report.violations.length === 0 ? 0 : 1);
