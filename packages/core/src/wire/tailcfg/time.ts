// Go's time.Time in JSON (protocol 13): RFC 3339, nanoseconds and offsets allowed, 0001-01-01T00:00:00Z = unset.
// Here a time is milliseconds since 1970, and unset is null: never an instant that a comparison could take for long past.

import type { Millis } from "../../domain/ids.ts";

export const zeroTime = "0001-01-01T00:00:00Z";

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** First instant that counts as set. A zero time in a zone with an odd ancient offset is a minute off: allow a year. */
const firstSet = Date.parse("0002-01-01T00:00:00Z");

/** null = unset, in whatever offset it is spelled; undefined = no time. What is below a millisecond is cut off. */
export const parseGoTime = (text: string): Millis | null | undefined => {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC would move the years 0 to 99
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const [zoneHour, zoneMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (zoneHour > 23 || zoneMinute > 59) return undefined;
  const offset = (zoneHour * 60 + zoneMinute) * (match[8] === "-" ? -1 : 1);
  const millis = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const at = date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis;
  return at < firstSet ? null : at;
};

/** As `parseGoTime`, for a text that has been checked; anything else is a bug. */
export const goTimeMillis = (text: string): Millis | null => {
  const at = parseGoTime(text);
  if (at === undefined) throw new RangeError("not an RFC 3339 time");
  return at;
};

const lastPrintable = Date.parse("9999-12-31T23:59:59.999Z");

/** As Go prints it: UTC, a fraction only where there is one. */
export const goTime = (at: Millis): string => {
  if (!(at >= firstSet && at <= lastPrintable)) throw new RangeError(`time ${at} out of Go's range`);
  return new Date(at)
    .toISOString()
    .replace(/\.(?:000Z|(\d+?)0*Z)$/, (_, digits: string | undefined) =>
      digits === undefined ? "Z" : `.${digits}Z`,
    );
};

/** Whether a wanted expiry is a logout: set, and not in the future. */
export const expiryPassed = (expiry: Millis | null, now: Millis): boolean => expiry !== null && expiry <= now;
