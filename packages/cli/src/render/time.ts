// Times as people read them: how long ago or how soon, and the API's "never".

/** Go's zero time, which the API uses for "not set". */
const isZero = (text: string): boolean => text.startsWith("0001-01-01");

export function timeOf(value: unknown): number | undefined {
  if (typeof value !== "string" || value === "" || isZero(value)) return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}

const units: readonly (readonly [ms: number, name: string])[] = [
  [365 * 86_400_000, "y"],
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

function span(ms: number): string {
  for (const [size, name] of units) if (ms >= size) return `${Math.floor(ms / size)}${name}`;
  return "0s";
}

export const ago = (value: unknown, now: number): string => {
  const time = timeOf(value);
  return time === undefined ? "-" : `${span(Math.max(0, now - time))} ago`;
};

/** `never`, `in 3h`, `expired 2d ago`. */
export const until = (value: unknown, now: number): string => {
  const time = timeOf(value);
  if (time === undefined) return "never";
  return time > now ? `in ${span(time - now)}` : `expired ${span(now - time)} ago`;
};

/** `2026-11-25 03:40:12`, UTC. */
export const stamp = (value: unknown): string => {
  const time = timeOf(value);
  return time === undefined ? "-" : new Date(time).toISOString().slice(0, 19).replace("T", " ");
};
