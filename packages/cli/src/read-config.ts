// The configuration that a command was pointed at, read and checked whole.

import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { defaultsForUp } from "@hydrascale/core/config/defaults";
import { loadConfig, type Loaded } from "@hydrascale/core/config/load";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, type Result } from "@hydrascale/core/lib/result";
import type { Io } from "./io.ts";

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
