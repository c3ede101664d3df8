// `hydrascale up`: one machine, one command. A nats-server child, a gateway and a projector, state in one folder. Killed
// at any point it starts again and nothing acknowledged is missing.

import { existsSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { isAbsolute, join } from "node:path";
import { isPrivateHost, parseListen } from "@hydrascale/core/config/address";
import { defaultsForUp } from "@hydrascale/core/config/defaults";
import { loadConfig } from "@hydrascale/core/config/load";
import type { Loaded } from "@hydrascale/core/config/load";
import { printConfig } from "@hydrascale/core/config/print";
import { errorKinds, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Io } from "../io.ts";
import { parseUpArguments, upHelp } from "./arguments.ts";
import type { UpArguments } from "./arguments.ts";
import { startAll } from "./start.ts";
import type { Running } from "./start.ts";

export async function runUp(args: readonly string[], io: Io): Promise<number> {
  const parsed = parseUpArguments(args);
  if (!parsed.ok) return fail(io, [parsed.error]);
  if (parsed.value.help) {
    io.out(upHelp);
    return 0;
  }
  const dir = absolute(io, parsed.value.dir ?? io.env["HYDRASCALE_DIR"] ?? "data");
  const loaded = load(parsed.value, dir, io);
  if (!loaded.ok) return fail(io, loaded.error);
  for (const warning of loaded.value.warnings) io.err(`hydrascale: ${warning}\n`);
  if (parsed.value.printConfig) {
    io.out(printConfig(loaded.value));
    return 0;
  }
  const running = await startAll({
    config: loaded.value.config,
    dir,
    env: io.env,
    authKey: parsed.value.authKey,
    write: (line) => io.err(line),
    signal: io.signal,
  });
  if (!running.ok) return fail(io, [running.error]);
  announce(io, running.value, parsed.value.json);
  const reason = await running.value.ended;
  await running.value.stop();
  if (reason === undefined) return 0;
  return fail(io, [reason]);
}

export const absolute = (io: Io, path: string): string => (isAbsolute(path) ? path : join(io.cwd, path));

export function load(
  args: Pick<UpArguments, "config" | "settings">,
  dir: string,
  io: Io,
): Result<Loaded, readonly Problem[]> {
  const file = args.config ?? io.env["HYDRASCALE_CONFIG"];
  let text: string | undefined;
  if (file !== undefined) {
    const path = absolute(io, file);
    if (!existsSync(path))
      return err([problem("invalid", `${file}: no such file`, "correct --config or HYDRASCALE_CONFIG")]);
    text = readFileSync(path, "utf8");
  }
  const base = {
    env: io.env,
    flags: { ...args.settings, state_dir: dir },
    ...(file === undefined || text === undefined ? {} : { file: absolute(io, file), text }),
  };
  const machine = { privateIPv4: privateIPv4(), dir };
  const first = loadConfig({ ...base, defaults: defaultsForUp(machine) });
  // The default URL's port follows listen_addr, which may come from anywhere.
  const listen = first.ok ? first.value.config.listen_addr : parseFlag(args);
  return loadConfig({
    ...base,
    defaults: defaultsForUp(listen === undefined ? machine : { ...machine, listen }),
  });
}

function parseFlag(args: Pick<UpArguments, "settings">) {
  const listen =
    args.settings["listen_addr"] === undefined ? undefined : parseListen(args.settings["listen_addr"]);
  return listen?.ok === true ? listen.value : undefined;
}

function privateIPv4(): string | undefined {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const one of addresses ?? [])
      if (one.family === "IPv4" && !one.internal && isPrivateHost(one.address)) return one.address;
  }
  return undefined;
}

function announce(io: Io, { facts }: Running, json: boolean): void {
  if (json) {
    io.out(`${JSON.stringify(facts)}\n`);
    return;
  }
  io.out(`hydrascale is up

  control  ${facts.control}
  state    ${facts.dir}

${facts.preAuthKey === null ? "" : invitation(facts.control, facts.preAuthKey)}`);
}

export function fail(io: Io, problems: readonly Problem[]): number {
  for (const p of problems) {
    io.err(`hydrascale: ${p.message}\n`);
    if (p.hint !== undefined) io.err(`  ${p.hint}\n`);
  }
  return errorKinds[problems[0]?.code ?? "internal"].exit;
}

const invitation = (
  control: string,
  key: string,
): string => `To join a machine (the key holds for one hour, for any number of machines):

  tailscale up --login-server ${control} --auth-key ${key}

`;
