// Help, made from the commands themselves.

import type { Command, Group, Leaf } from "./command.ts";
import { flagLabel, type FlagSpecs } from "./flags.ts";
import { globalFlags } from "./global.ts";

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
};

const flagRows = (specs: FlagSpecs): (readonly [string, string])[] =>
  Object.entries(specs).map(([name, spec]) => [flagLabel(name, spec), spec.about]);

const commandRows = (commands: readonly Command[]): (readonly [string, string])[] =>
  commands.map((c) => [[c.name, ...c.aliases].join(", "), c.about]);

export const rootHelp = (commands: readonly Command[]): string =>
  `hydrascale — a control plane for Tailscale clients on NATS JetStream

usage: hydrascale COMMAND [FLAGS]

commands:
${columns(commands.map((c) => [c.name, c.about]))}
flags of every command:
${columns(flagRows(globalFlags))}
\`hydrascale COMMAND --help\` shows more.
`;

export const groupHelp = (path: string, { commands, about }: Group): string =>
  `${path}: ${about}

usage: ${path} COMMAND [FLAGS]

commands:
${columns(commandRows(commands))}`;

export function leafHelp(path: string, { about, words, flags }: Leaf): string {
  const own = flagRows(flags);
  return `${path}: ${about}

usage: ${[path, ...words].join(" ")}${own.length > 0 ? " [FLAGS]" : ""}
${own.length > 0 ? `\nflags:\n${columns(own)}` : ""}
flags of every command:
${columns(flagRows(globalFlags))}`;
}
