// The kinds of value that a setting can have. Each leaf carries what docs/config.md says of it, so that the
// description, the default and the check stand in one place. Messages say what the value must be; the loader names key and value.

import { z } from "zod";
import type { Result } from "../lib/result.ts";
import { isAddress, parseListen, type ListenAddress } from "./address.ts";
import { formatDuration, parseDuration } from "./duration.ts";

export interface SettingText {
  /** One or two sentences for operators. */
  readonly doc: string;
  /** As written in the file; left out = no default. */
  readonly fallback?: unknown;
  /** For docs/config.md when it says more than the default. */
  readonly example?: unknown;
  /** Its value is never shown. */
  readonly secret?: true;
  /** What stands in for a default that is worked out. */
  readonly otherwise?: string;
}

/** How an environment variable's text becomes a value. */
export type EnvForm = "text" | "boolean" | "number" | "list" | "json";

export interface SettingMeta extends SettingText {
  readonly type: string;
  readonly env: EnvForm;
}

/** Every leaf of the schema is registered here once, so it must be an instance of its own. */
export const settingMeta = z.registry<SettingMeta>();

function leaf<T extends z.ZodType>(schema: T, type: string, env: EnvForm, text: SettingText): T {
  settingMeta.add(schema, { ...text, type, env });
  return schema;
}

/** Runs a checker that returns a Result as the transformation of a schema. */
const checked =
  <In, Out>(check: (input: In) => Result<Out, string | readonly string[]>) =>
  (input: In, ctx: z.RefinementCtx): Out => {
    const result = check(input);
    if (result.ok) return result.value;
    const errors: readonly string[] = typeof result.error === "string" ? [result.error] : result.error;
    for (const message of errors) ctx.addIssue({ code: "custom", message });
    return z.NEVER;
  };

export const flag = (text: SettingText) =>
  leaf(z.boolean("must be true or false"), "true or false", "boolean", text);

export const optionalFlag = (text: SettingText) =>
  leaf(z.boolean("must be true or false").optional(), "true or false", "boolean", text);

export const words = (text: SettingText) => leaf(z.string("must be text"), "text", "text", text);

export const optionalWords = (text: SettingText) =>
  leaf(z.string("must be text").optional(), "text", "text", text);

export const path = (text: SettingText) => leaf(z.string("must be a path"), "path", "text", text);

export const paths = (text: SettingText) =>
  leaf(
    z.array(z.string("must be a path").min(1, "must not be empty"), "must be a list"),
    "list of paths",
    "list",
    text,
  );

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T, text: SettingText) => {
  const names = values.join(", ");
  return leaf(
    z.enum(values, `must be one of ${names}`),
    values.map((v) => `\`${v}\``).join(", "),
    "text",
    text,
  );
};

export const integer = (low: number, high: number, text: SettingText) => {
  const range = `must be a whole number from ${low} to ${high}`;
  return leaf(z.int(range).min(low, range).max(high, range), `${low} to ${high}`, "number", text);
};

export const duration = (lowMs: number, text: SettingText) =>
  leaf(
    z
      .union([z.string(), z.number()], "must be a duration such as 30s, 12h or 180d")
      .transform(checked((value: string | number) => parseDuration(String(value))))
      .refine((ms) => ms >= lowMs, `must be ${formatDuration(lowMs)} or more`),
    "duration",
    "text",
    text,
  );

/** Checked text that may also be empty, which stands for "none". */
export const textOrNone = (
  type: string,
  check: (value: string) => Result<string, string>,
  text: SettingText,
) =>
  leaf(
    z
      .string("must be text")
      .transform(checked((value: string) => (value === "" ? { ok: true, value } : check(value)))),
    type,
    "text",
    text,
  );

export const text = <T>(type: string, check: (value: string) => Result<T, string>, about: SettingText) =>
  leaf(z.string("must be text").transform(checked(check)), type, "text", about);

export const listOf = <T>(type: string, check: (value: string) => Result<T, string>, about: SettingText) =>
  leaf(z.array(z.string("must be text").transform(checked(check)), "must be a list"), type, "list", about);

export const listen = (about: SettingText) => text("host:port", parseListen, about);

export const listenOrNone = (about: SettingText) =>
  leaf(
    z
      .string("must be host:port, or empty for none")
      .transform(
        checked((value: string): Result<ListenAddress | null, string> =>
          value === "" ? { ok: true, value: null } : parseListen(value),
        ),
      ),
    "host:port or empty",
    "text",
    about,
  );

export const addressOrNone = (family: 4 | 6, about: SettingText) =>
  textOrNone(
    `IPv${family} address, \`none\` or empty`,
    (value) =>
      value === "none" || (isAddress(value) && value.includes(":") === (family === 6))
        ? { ok: true, value }
        : { ok: false, error: `must be an IPv${family} address, "none" or empty` },
    about,
  );

export const table = <T extends z.ZodType>(schema: T, type: string, about: SettingText): T =>
  leaf(schema, type, "json", about);

export { checked };
