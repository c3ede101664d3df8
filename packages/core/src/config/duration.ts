// Durations as operators write them: Go's (`1h30m`, `500ms`) and Prometheus's (`180d`, `2w`, `1y`), `0` = none.

import { err, ok, type Result } from "../lib/result.ts";

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};
const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|[smhdwy])/y;
const longest = 100 * 365 * 86_400_000;

/** Milliseconds, rounded. A bare number other than 0 has no unit and is refused. */
export function parseDuration(text: string): Result<number, string> {
  const input = text.trim();
  if (input === "0") return ok(0);
  if (input === "" || input.length > 64) return err("must be a duration such as 30s, 12h or 180d");
  if (input.startsWith("-")) return err("must not be negative");
  if (/^\d+(\.\d+)?$/.test(input))
    return err(`has no unit; write ${input}s, ${input}m, ${input}h or ${input}d`);
  let at = 0;
  let sum = 0;
  while (at < input.length) {
    part.lastIndex = at;
    const found = part.exec(input);
    if (found === null) return err("must be a duration such as 30s, 12h or 180d");
    sum += Number(found[1]) * (unitMs[found[2] ?? ""] ?? 0);
    at = part.lastIndex;
  }
  if (sum > longest) return err("is longer than 100 years; 0 means without end");
  return ok(Math.round(sum));
}

/** The shortest exact form of a duration in milliseconds, in units up to days. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0";
  let rest = Math.abs(Math.round(ms));
  let text = ms < 0 ? "-" : "";
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = unitMs[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
