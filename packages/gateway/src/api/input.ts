// Values as they arrive in paths, queries and bodies, parsed once. Clients disagree on forms: ids come as strings or
// numbers, "not set" as absence, null, "" or Go's zero time.

import { z } from "@hono/zod-openapi";
import type { CommandId, Millis } from "@hydrascale/core/domain/ids";

/** Go's zero time, which stands for "not set". */
export const zeroTime = "0001-01-01T00:00:00Z";

/** A decimal id above zero, or undefined. */
export function parseId(text: string): number | undefined {
  if (!/^[0-9]{1,16}$/.test(text)) return undefined;
  const id = Number(text);
  return id > 0 && Number.isSafeInteger(id) ? id : undefined;
}

export const parseCommandId = (text: string): CommandId | undefined =>
  // the pattern is what the brand stands for
  /^[A-Za-z0-9_-]{1,64}$/.test(text) ? (text as CommandId) : undefined;

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** Milliseconds; null for "not set"; undefined when it is no time. */
export function parseTime(text: string): Millis | null | undefined {
  if (text === "") return null;
  if (!rfc3339.test(text)) return undefined;
  const ms = Date.parse(text.toUpperCase());
  if (Number.isNaN(ms)) return undefined;
  return ms === Date.parse(zeroTime) ? null : ms;
}

export const formatTime = (ms: Millis): string => new Date(ms).toISOString();

/** An id in a body: a string in the documentation, a number too in practice. */
export const idLike = z
  .union([z.string(), z.number().int().nonnegative()])
  .transform(String)
  .openapi({ type: "string", description: "decimal id" });

/** An instant or "not set". */
export const timeLike = z
  .string()
  .transform((text, ctx) => {
    const ms = parseTime(text);
    if (ms !== undefined) return ms;
    ctx.addIssue({ code: "custom", message: "not a time: write it as 2006-01-02T15:04:05Z" });
    return z.NEVER;
  })
  .openapi({ type: "string", format: "date-time" });

export const flag = z
  .string()
  .transform((text) => text === "true" || text === "1")
  .openapi({ type: "boolean" });
