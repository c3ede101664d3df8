// Log lines: what happened in lower case, facts as fields. For people (text) or machines (json), always on stderr or where
// the caller says. Values of fields whose name smells of a secret are masked, and so is anything shaped like one of our keys.

import { pino, stdTimeFunctions, type DestinationStream, type Level } from "pino";

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that stand in every line. */
  with(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "panic";
  readonly format: "text" | "json";
  /** Where lines go, each with its newline. */
  readonly write: (line: string) => void;
}

const secretName =
  /(secret|token|password|passwd|seed|private.?key|api.?key|auth.?key|authorization|cookie)s?$/i;
/** Key texts keep their visible prefix; nkey seeds keep nothing. */
const keyText = /\b(hskey-(?:auth|api|client|oauthtok)-[A-Za-z0-9_]{1,16})-[A-Za-z0-9_-]{8,}/g;
const seedText = /\bS[AOCUNX][A-Z2-7]{50,}\b/g;
const privateKeyText = /\bprivkey:[0-9a-f]{16,}/g;
const maxValue = 2000;

function maskText(text: string): string {
  const cut = text.length > maxValue ? `${text.slice(0, maxValue)}… (${text.length} characters)` : text;
  return cut
    .replace(keyText, "$1-***")
    .replace(seedText, "(hidden)")
    .replace(privateKeyText, "privkey:(hidden)");
}

/** A copy without secrets, bounded in depth and length. */
function mask(value: unknown, depth: number): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return maskText(value.stack ?? value.message);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "…";
  if (value instanceof Uint8Array) return `(${value.length} bytes)`;
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => mask(item, depth - 1));
  return maskFields(value, depth - 1);
}

function maskFields(fields: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    clean[name] = secretName.test(name) && typeof value === "string" ? "(hidden)" : mask(value, depth);
  }
  return clean;
}

/** Control and format characters as escapes: what a client calls itself must not play with a terminal. */
const escaped = (text: string): string =>
  text.replace(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);

/** One JSON line of pino's as a line for people. */
function humanLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const facts = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${name}=${escaped(/^[^\s"=\p{C}]+$/u.test(text) ? text : JSON.stringify(text))}`;
  });
  return `${[String(time), String(level).padEnd(5), escaped(String(msg)), ...facts].join(" ")}\n`;
}

export function createLog({ level, format, write }: LogOptions): Logger {
  const destination: DestinationStream = {
    write: format === "json" ? write : (line) => write(humanLine(line)),
  };
  const least: Level = level === "panic" ? "fatal" : level;
  const sink = pino(
    {
      level: least,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const logger = (standing: LogFields): Logger => {
    const emit =
      (kind: "debug" | "info" | "warn" | "error") =>
      (message: string, fields?: LogFields): void => {
        if (!sink.isLevelEnabled(kind)) return;
        sink[kind](maskFields({ ...standing, ...fields }, 4), maskText(message));
      };
    return {
      debug: emit("debug"),
      info: emit("info"),
      warn: emit("warn"),
      error: emit("error"),
      with: (fields) => logger({ ...standing, ...fields }),
    };
  };
  return logger({});
}

const nothing = (): void => undefined;
/** Writes nothing; for tests and for what has no log. */
export const silentLog: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  with: () => silentLog,
};
