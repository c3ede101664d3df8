// What a command is: a name with aliases, flags, and either commands below it or something to do. Written as data, so
// that help, completion and errors come from the same place as the behaviour.

import { errorKinds, type Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import type { Client } from "./client.ts";
import type { FlagSpecs, FlagValues } from "./flags.ts";
import type { Io } from "./io.ts";

export type Format = "human" | "json" | "json-line" | "yaml";

/** What every command has besides its own flags and words. */
export interface Context {
  readonly io: Io;
  readonly format: Format;
  /** No questions. */
  readonly force: boolean;
  readonly configFile: string | undefined;
  readonly dir: string | undefined;
  /** The server that the flags, the environment and the configuration name. */
  client(): Promise<Result<Client, Problem>>;
  /** Prints `value` in the format asked for, or `human()`. */
  print(value: unknown, human: () => string): void;
  /** A value in the machine format asked for. */
  write(value: unknown): string;
  /** Reports on stderr and gives the exit status. */
  fail(problem: Problem): number;
  /** Asks for a yes; true without asking under --force. Without a person to ask: a problem. */
  confirm(question: string): Promise<Result<boolean, Problem>>;
}

export interface Invocation<F extends FlagSpecs> {
  readonly flags: FlagValues<F>;
  readonly words: readonly string[];
  readonly ctx: Context;
}

interface CommandDefinition<F extends FlagSpecs> {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly about: string;
  /** Words after the flags, as help shows them: `NAME`, `[NODE]`. */
  readonly words?: readonly string[];
  readonly flags?: F;
  readonly run: (invocation: Invocation<F>) => Promise<number>;
}

export interface Leaf {
  readonly kind: "leaf";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly about: string;
  readonly words: readonly string[];
  readonly flags: FlagSpecs;
  readonly run: (invocation: Invocation<FlagSpecs>) => Promise<number>;
}

export interface Group {
  readonly kind: "group";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly about: string;
  readonly commands: readonly Command[];
}

/** Takes its arguments as they are; the module is loaded when it is used, since it pulls the whole server in. */
export interface Raw {
  readonly kind: "raw";
  readonly name: string;
  readonly aliases: readonly string[];
  readonly about: string;
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

export type Command = Leaf | Group | Raw;

export function command<const F extends FlagSpecs>(definition: CommandDefinition<F>): Leaf {
  const { name, aliases = [], about, words = [], flags, run } = definition;
  return {
    kind: "leaf",
    name,
    aliases,
    about,
    words,
    flags: flags ?? {},
    // The values handed in were parsed by this command's own specs.
    run: (invocation) => run(invocation as Invocation<F>),
  };
}

export const group = (
  name: string,
  aliases: readonly string[],
  about: string,
  commands: readonly Command[],
): Group => ({
  kind: "group",
  name,
  aliases,
  about,
  commands,
});

export const findCommand = (commands: readonly Command[], name: string): Command | undefined =>
  commands.find((c) => c.name === name || c.aliases.includes(name));

export const exitOf = (problem: Problem): number => errorKinds[problem.code].exit;
