// Command lines as headscale's users type them: `-i 3`, `-i3`, `--id=3`, repeated and comma-separated lists, flags before or
// after the words. Strict: an unknown flag names the nearest one. (citty knows neither lists nor unknown flags.)

import { nearest } from "@hydrascale/core/config/nearest";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";

export interface FlagSpec {
  readonly kind: "text" | "list" | "switch";
  readonly about: string;
  readonly short?: string;
  /** Other long names. */
  readonly also?: readonly string[];
  /** What stands for the value in help. */
  readonly value?: string;
  /** Values for completion. */
  readonly choices?: readonly string[];
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Values by long name. A list that was not given is undefined; `-r ""` gives an empty one. */
export type FlagValues<F extends FlagSpecs> = {
  readonly [K in keyof F]: F[K]["kind"] extends "switch"
    ? boolean
    : F[K]["kind"] extends "list"
      ? readonly string[] | undefined
      : string | undefined;
};

export interface Parsed<F extends FlagSpecs> {
  readonly flags: FlagValues<F>;
  readonly words: readonly string[];
}

type Named = readonly [name: string, spec: FlagSpec];

function byName(specs: FlagSpecs): { long: Map<string, Named>; short: Map<string, Named> } {
  const long = new Map<string, Named>();
  const short = new Map<string, Named>();
  for (const [name, spec] of Object.entries(specs)) {
    for (const each of [name, ...(spec.also ?? [])]) long.set(each, [name, spec]);
    if (spec.short !== undefined) short.set(spec.short, [name, spec]);
  }
  return { long, short };
}

interface Reading {
  readonly found: Named;
  readonly shown: string;
  /** Value written in the same word. */
  readonly attached: string | undefined;
  /** Further short switches in the same word (`-fo json`). */
  readonly rest: string;
}

function readWord(word: string, names: ReturnType<typeof byName>): Result<Reading, Problem> {
  if (word.startsWith("--")) {
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const found = names.long.get(name);
    if (found !== undefined)
      return ok({
        found,
        shown: `--${name}`,
        attached: equals < 0 ? undefined : word.slice(equals + 1),
        rest: "",
      });
    const guess = nearest(name, names.long.keys());
    return err(
      problem(
        "invalid",
        `--${name}: there is no such flag`,
        guess === undefined ? "--help lists the flags" : `did you mean --${guess}?`,
      ),
    );
  }
  const letter = word.slice(1, 2);
  const found = names.short.get(letter);
  if (found === undefined)
    return err(problem("invalid", `-${letter}: there is no such flag`, "--help lists the flags"));
  const rest = word.slice(2);
  if (found[1].kind === "switch") return ok({ found, shown: `-${letter}`, attached: undefined, rest });
  return ok({
    found,
    shown: `-${letter}`,
    attached: rest === "" ? undefined : rest.replace(/^=/, ""),
    rest: "",
  });
}

const split = (value: string): string[] =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** Takes flags of `specs` out of `args`; everything after `--` is a word. */
export function parseFlags<F extends FlagSpecs>(
  specs: F,
  args: readonly string[],
): Result<Parsed<F>, Problem> {
  const names = byName(specs);
  const values: Record<string, string | boolean | string[] | undefined> = {};
  for (const [name, spec] of Object.entries(specs)) values[name] = spec.kind === "switch" ? false : undefined;
  const words: string[] = [];
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      words.push(...queue);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const reading = readWord(word, names);
    if (!reading.ok) return reading;
    const { found, shown, attached, rest } = reading.value;
    const [name, spec] = found;
    if (rest !== "") queue.unshift(`-${rest}`);
    if (spec.kind === "switch") {
      if (attached !== undefined && !/^(true|false)$/.test(attached))
        return err(problem("invalid", `${shown}: takes no value but true or false`));
      values[name] = attached !== "false";
      continue;
    }
    const value = attached ?? queue.shift();
    if (value === undefined) return err(problem("invalid", `${shown}: needs a value`));
    const before = values[name];
    values[name] = spec.kind === "list" ? [...(Array.isArray(before) ? before : []), ...split(value)] : value;
  }
  // Each name has the type of its kind: the loop above wrote nothing else.
  return ok({ flags: values as FlagValues<F>, words });
}

/** `-u, --user USER` */
export function flagLabel(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  const value = spec.kind === "switch" ? "" : ` ${spec.value ?? (spec.kind === "list" ? "LIST" : "TEXT")}`;
  return `${short}--${name}${value}`;
}
