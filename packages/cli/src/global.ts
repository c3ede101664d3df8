// The flags that stand anywhere on the line, and the context that they make.

import { isAbsolute, join } from "node:path";
import { parseDuration } from "@hydrascale/core/config/duration";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
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

/** What the commands need of the settings. */
interface Reach {
  readonly socket: string;
  readonly address: string | undefined;
  readonly apiKey: string | undefined;
  readonly timeoutMs: number;
}

/** With a file, the whole configuration is loaded and checked. Without one its checks (0.3 s of start-up) are left to the server. */
async function reach(io: Io, flags: GlobalValues): Promise<Result<Reach, Problem>> {
  const { env } = io;
  if (flags.config !== undefined || env.HYDRASCALE_CONFIG !== undefined) return configured(io, flags);
  const folder = flags.dir ?? env.HYDRASCALE_DIR ?? env.HYDRASCALE_STATE_DIR ?? "data";
  const socket = flags.dir === undefined ? env.HYDRASCALE_UNIX_SOCKET : undefined;
  const timeout = parseDuration(env.HYDRASCALE_CLI_TIMEOUT ?? "5s");
  if (!timeout.ok) return err(problem("invalid", `HYDRASCALE_CLI_TIMEOUT: ${timeout.error}`));
  return ok({
    socket: socket === undefined || socket === "" ? join(folder, "hydrascale.sock") : socket,
    address: env.HYDRASCALE_CLI_ADDRESS,
    apiKey: env.HYDRASCALE_CLI_API_KEY,
    timeoutMs: timeout.value,
  });
}

async function configured(io: Io, flags: GlobalValues): Promise<Result<Reach, Problem>> {
  const { readConfig } = await import("./read-config.ts");
  const loaded = await readConfig(io, flags.config, flags.dir);
  if (loaded.ok) {
    const { cli, unix_socket } = loaded.value.config;
    return ok({ socket: unix_socket, address: cli.address, apiKey: cli.api_key, timeoutMs: cli.timeout });
  }
  const [first, ...others] = loaded.error;
  const more = others.length === 0 ? "" : ` (and ${others.length} more; \`hydrascale configtest\` shows all)`;
  const message = `${first?.message ?? "the configuration is not valid"}${more}`;
  return err(problem(first?.code ?? "invalid", message, first?.hint));
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
  const found = await reach(io, flags);
  if (!found.ok) return found;
  const { socket, timeoutMs, apiKey } = found.value;
  // A folder that is named on the line means its own server, whatever the environment says.
  const address = flags.address ?? (flags.dir === undefined ? found.value.address : undefined);
  const target: Result<Target, Problem> =
    address === undefined || address === ""
      ? ok({ kind: "socket", path: isAbsolute(socket) ? socket : join(io.cwd, socket) })
      : remote(address, flags["api-key"] ?? apiKey);
  return target.ok ? ok(new Client({ target: target.value, timeoutMs, signal: io.signal })) : target;
}

export function formatOf(text: string | undefined): Result<Format, Problem> {
  if (text === undefined || text === "") return ok("human");
  if (text === "json" || text === "json-line" || text === "yaml") return ok(text);
  return err(problem("invalid", `--output ${text}: is not one of json, json-line, yaml`));
}

export type Formatter = (value: unknown) => string;

/** How values are written; YAML is loaded when it is asked for. */
export async function formatter(format: Format): Promise<Formatter> {
  if (format === "yaml") {
    const { stringify } = await import("yaml");
    return (value) => stringify(value, { lineWidth: 0 });
  }
  return (value) => `${JSON.stringify(value, null, format === "json" ? 2 : 0)}\n`;
}

/** `hydrascale: message`, and what to do on a line of its own. */
export function report(io: Io, { message, hint }: Problem): void {
  io.err(`hydrascale: ${printable(message)}\n`);
  if (hint !== undefined && hint !== "") io.err(`  ${printable(hint)}\n`);
}

export function makeContext(io: Io, flags: GlobalValues, format: Format, write: Formatter): Context {
  return {
    io,
    format,
    force: flags.force,
    configFile: flags.config,
    dir: flags.dir,
    client: () => connect(io, flags),
    write,
    print: (value, human) => io.out(format === "human" ? human() : write(value)),
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
