// The flags that stand anywhere on the line, and the context that they make.

import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { loadConfig, type Loaded } from "@hydrascale/core/config/load";
import { defaultsForUp } from "@hydrascale/core/config/defaults";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { stringify } from "yaml";
import { Client } from "./client.ts";
import { exitOf, type Context, type Format } from "./command.ts";
import type { FlagSpecs, FlagValues } from "./flags.ts";
import type { Io } from "./io.ts";
import { printable } from "./render/table.ts";
import type { Target } from "./transport.ts";

export const globalFlags = {
  config: { kind: "text", short: "c", value: "FILE", about: "configuration file (HYDRASCALE_CONFIG)" },
  output: {
    kind: "text",
    short: "o",
    value: "FORMAT",
    choices: ["json", "json-line", "yaml"],
    about: "json, json-line or yaml",
  },
  force: { kind: "switch", about: "ask nothing" },
  dir: {
    kind: "text",
    value: "DIR",
    about: "state folder of the local server (HYDRASCALE_DIR, default ./data)",
  },
  address: { kind: "text", value: "URL", about: "remote server (HYDRASCALE_CLI_ADDRESS)" },
  "api-key": { kind: "text", value: "KEY", about: "key for it (HYDRASCALE_CLI_API_KEY)" },
  help: { kind: "switch", short: "h", about: "show help" },
} as const satisfies FlagSpecs;

export type GlobalValues = FlagValues<typeof globalFlags>;

/** What a folder or file of configuration says, checked; for the commands that only look at it. */
export async function readConfig(
  io: Io,
  configFile: string | undefined,
  dir: string | undefined,
): Promise<Result<Loaded, readonly Problem[]>> {
  const file = configFile ?? io.env.HYDRASCALE_CONFIG;
  const flags = { state_dir: dir ?? io.env.HYDRASCALE_DIR };
  // Only who serves needs the machine's address; here it has to be some valid one.
  const defaults = { ...defaultsForUp({ privateIPv4: undefined, dir: "data" }), state_dir: "data" };
  if (file === undefined) return loadConfig({ env: io.env, flags, defaults });
  const path = isAbsolute(file) ? file : join(io.cwd, file);
  try {
    return loadConfig({ file, text: await readFile(path, "utf8"), env: io.env, flags, defaults });
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return err([problem("invalid", `${file}: cannot be read (${reason})`, "name an existing file with -c")]);
  }
}

function remote(address: string, apiKey: string | undefined): Result<Target, Problem> {
  const text = address.includes("://") ? address : `https://${address}`;
  if (!URL.canParse(text)) return err(problem("invalid", `address ${address}: is not a URL`));
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return err(problem("invalid", `address ${address}: must start with https:// or http://`));
  if (apiKey === undefined || apiKey === "")
    return err(
      problem(
        "unauthenticated",
        `address ${address}: needs an API key`,
        "give --api-key or HYDRASCALE_CLI_API_KEY; `hydrascale apikeys create` at the server makes one",
      ),
    );
  return ok({ kind: "url", url, apiKey });
}

async function connect(io: Io, flags: GlobalValues): Promise<Result<Client, Problem>> {
  const loaded = await readConfig(io, flags.config, flags.dir);
  if (!loaded.ok) {
    const [first, ...others] = loaded.error;
    const more =
      others.length === 0 ? "" : ` (and ${others.length} more; \`hydrascale configtest\` shows all)`;
    const message = `${first?.message ?? "the configuration is not valid"}${more}`;
    return err(problem(first?.code ?? "invalid", message, first?.hint));
  }
  const { cli, unix_socket } = loaded.value.config;
  // A folder that is named on the line means its own server, whatever the environment says.
  const address = flags.address ?? (flags.dir === undefined ? cli.address : undefined);
  const target: Result<Target, Problem> =
    address === undefined || address === ""
      ? ok({ kind: "socket", path: isAbsolute(unix_socket) ? unix_socket : join(io.cwd, unix_socket) })
      : remote(address, flags["api-key"] ?? cli.api_key);
  return target.ok
    ? ok(new Client({ target: target.value, timeoutMs: cli.timeout, signal: io.signal }))
    : target;
}

export function formatOf(text: string | undefined): Result<Format, Problem> {
  if (text === undefined || text === "") return ok("human");
  if (text === "json" || text === "json-line" || text === "yaml") return ok(text);
  return err(problem("invalid", `--output ${text}: is not one of json, json-line, yaml`));
}

export function formatted(value: unknown, format: Exclude<Format, "human">): string {
  if (format === "yaml") return stringify(value, { lineWidth: 0 });
  return `${JSON.stringify(value, null, format === "json" ? 2 : 0)}\n`;
}

/** `hydrascale: message`, and what to do on a line of its own. */
export function report(io: Io, { message, hint }: Problem): void {
  io.err(`hydrascale: ${printable(message)}\n`);
  if (hint !== undefined && hint !== "") io.err(`  ${printable(hint)}\n`);
}

export function makeContext(io: Io, flags: GlobalValues, format: Format): Context {
  return {
    io,
    format,
    force: flags.force,
    configFile: flags.config,
    dir: flags.dir,
    client: () => connect(io, flags),
    print: (value, human) => io.out(format === "human" ? human() : formatted(value, format)),
    fail: (problem) => {
      report(io, problem);
      return exitOf(problem);
    },
    confirm: async (question) => {
      if (flags.force) return ok(true);
      if (!io.interactive)
        return err(problem("invalid", `nobody is there to be asked: ${question}`, "repeat with --force"));
      const answer = await io.ask(`${question} [y/N] `);
      return ok(/^y(es)?$/i.test((answer ?? "").trim()));
    },
  };
}
