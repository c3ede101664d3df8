// From a command line to an exit status. Knows nothing of the process: main.ts hands the world in.

import { nearest } from "@hydrascale/core/config/nearest";
import { messageOf, problem, type Problem, ProblemError } from "@hydrascale/core/lib/errors";
import { complete, completion } from "./completion.ts";
import { exitOf, findCommand, type Command, type Group, type Leaf } from "./command.ts";
import { apikeys } from "./commands/apikeys.ts";
import { auth } from "./commands/auth.ts";
import { events } from "./commands/events.ts";
import { configtest, versionCommand } from "./commands/local.ts";
import { nodes } from "./commands/nodes.ts";
import { policy } from "./commands/policy.ts";
import { preauthkeys } from "./commands/preauthkeys.ts";
import { doctor, health, status } from "./commands/state.ts";
import { users } from "./commands/users.ts";
import { parseFlags } from "./flags.ts";
import { formatOf, formatter, globalFlags, makeContext, report } from "./global.ts";
import { groupHelp, leafHelp, rootHelp } from "./help.ts";
import type { Io } from "./io.ts";

const up: Command = {
  kind: "raw",
  name: "up",
  aliases: ["serve"],
  about: "run a whole server on this machine: store, gateway, projector",
  run: async (args, io) => (await import("./up/command.ts")).runUp(args, io),
};

const role = (name: "gateway" | "projector", about: string): Command => ({
  kind: "raw",
  name,
  aliases: [],
  about,
  run: async (args, io) => (await import("./up/roles.ts")).runRole(name, args, io),
});

export const commands: readonly Command[] = [
  up,
  role("gateway", "run one gateway against NATS servers"),
  role("projector", "run one projector, or rebuild the read model"),
  users,
  nodes,
  preauthkeys,
  apikeys,
  auth,
  policy,
  events,
  status,
  doctor,
  health,
  configtest,
  versionCommand,
  completion,
];

const fail = (io: Io, wrong: Problem): number => {
  report(io, wrong);
  return exitOf(wrong);
};

const takesValue: ReadonlyMap<string, boolean> = new Map<string, boolean>(
  Object.entries(globalFlags).flatMap(([name, spec]) => [
    [`--${name}`, spec.kind !== "switch"] as const,
    ...("short" in spec ? [[`-${spec.short}`, spec.kind !== "switch"] as const] : []),
  ]),
);

/** Where the first word that is no flag stands; flags of every command may come before it. */
function firstWord(args: readonly string[]): number {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (!arg.startsWith("-")) return i;
    if (takesValue.get(arg) === true) i++;
  }
  return -1;
}

function unknown(path: string, name: string, commands: readonly Command[]): Problem {
  const guess = nearest(
    name,
    commands.flatMap((c) => [c.name, ...c.aliases]),
  );
  const hint =
    guess === undefined ? `\`${path} --help\` lists the commands` : `did you mean \`${path} ${guess}\`?`;
  return problem("invalid", `${name}: there is no such command`, hint);
}

async function runLeaf(leaf: Leaf, path: string, args: readonly string[], io: Io): Promise<number> {
  const parsed = parseFlags({ ...globalFlags, ...leaf.flags }, args);
  if (!parsed.ok) return fail(io, parsed.error);
  const { flags, words } = parsed.value;
  // The parser gives every spec's flag; these are the specs of both.
  const own = parseGlobals(flags);
  if (own.help) {
    io.out(leafHelp(path, leaf));
    return 0;
  }
  const format = formatOf(own.output);
  if (!format.ok) return fail(io, format.error);
  return leaf.run({ flags, words, ctx: makeContext(io, own, format.value, await formatter(format.value)) });
}

function parseGlobals(flags: Readonly<Record<string, unknown>>): Parameters<typeof makeContext>[1] {
  const word = (name: string): string | undefined => {
    const value = flags[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    config: word("config"),
    output: word("output"),
    force: flags.force === true,
    dir: word("dir"),
    address: word("address"),
    "api-key": word("api-key"),
    help: flags.help === true,
  };
}

function runGroup(group: Group, path: string, args: readonly string[], io: Io): Promise<number> | number {
  const at = firstWord(args);
  if (at < 0) {
    const parsed = parseFlags(globalFlags, args);
    if (!parsed.ok) return fail(io, parsed.error);
    if (parsed.value.flags.help) {
      io.out(groupHelp(path, group));
      return 0;
    }
    return fail(io, problem("invalid", `${path}: needs a command`, `\`${path} --help\` lists them`));
  }
  const name = args[at] ?? "";
  const found = findCommand(group.commands, name);
  return found === undefined
    ? fail(io, unknown(path, name, group.commands))
    : dispatch(found, `${path} ${found.name}`, args.toSpliced(at, 1), io);
}

function dispatch(command: Command, path: string, args: readonly string[], io: Io): Promise<number> | number {
  switch (command.kind) {
    case "group":
      return runGroup(command, path, args, io);
    case "leaf":
      return runLeaf(command, path, args, io);
    case "raw":
      break;
  }
  return command.run(args, io);
}

function start(args: readonly string[], io: Io): Promise<number> | number {
  const [first] = args;
  if (first === "__complete") {
    io.out(
      complete(commands, args.slice(1))
        .map((word) => `${word}\n`)
        .join(""),
    );
    return 0;
  }
  if (first === "help" || first === "--help" || first === "-h") {
    const [, ...rest] = args;
    if (rest.length > 0) return start([...rest, "--help"], io);
    io.out(rootHelp(commands));
    return 0;
  }
  if (first === "--version" || first === "-v") return start(["version", ...args.slice(1)], io);
  const at = firstWord(args);
  if (at < 0) {
    io.err(rootHelp(commands));
    return exitOf(problem("invalid", "no command"));
  }
  const name = args[at] ?? "";
  const found = findCommand(commands, name);
  return found === undefined
    ? fail(io, unknown("hydrascale", name, commands))
    : dispatch(found, `hydrascale ${found.name}`, args.toSpliced(at, 1), io);
}

/** Never throws: what is not a problem that was foreseen is a bug, and said to be one without a stack trace. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  try {
    return await start(args, io);
  } catch (error) {
    if (error instanceof ProblemError) return fail(io, error.problem);
    const why = messageOf(error);
    return fail(
      io,
      problem("internal", `a bug: ${why}`, "report it with the command line, without its keys"),
    );
  }
}
