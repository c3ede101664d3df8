// `hydrascale gateway` and `hydrascale projector`: one role in a process of its own, against the NATS servers that the
// configuration names, or the one of the `up` on the same folder.

import { parseArgs } from "node:util";
import type { Config } from "@hydrascale/core/config/schema";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { lockFolder } from "@hydrascale/core/nats-server/lock";
import { createLog } from "@hydrascale/core/obs/log";
import { createMetrics } from "@hydrascale/core/obs/metrics";
import { loadZstd } from "@hydrascale/core/wire/zstd";
import { rebuild } from "@hydrascale/projector/rebuild";
import type { Io } from "../io.ts";
import { absolute, fail, load } from "./command.ts";
import { accessFor, openStore } from "./nats-access.ts";
import type { Role } from "./nats-access.ts";
import { startGateway, startProjector, tid } from "./parts.ts";
import type { TakeDown } from "./parts.ts";
import { aborted, loss } from "./start.ts";

const help = (role: Role): string => `usage: hydrascale ${role} [flags]

Runs one ${role} in the foreground, against nats.url of the configuration or the server of the \`up\` on --dir.

  --dir DIR           state folder (HYDRASCALE_DIR, default ./data)
  -c, --config FILE   configuration file (HYDRASCALE_CONFIG)
${role === "projector" ? "  --rebuild           write every document anew from the logs, and end\n" : ""}`;

interface RoleArguments {
  readonly dir: string | undefined;
  readonly config: string | undefined;
  readonly rebuild: boolean;
  readonly help: boolean;
}

export async function runRole(role: Role, args: readonly string[], io: Io): Promise<number> {
  const parsed = parse(role, args);
  if (!parsed.ok) return fail(io, [parsed.error]);
  if (parsed.value.help) {
    io.out(help(role));
    return 0;
  }
  const dir = absolute(io, parsed.value.dir ?? io.env["HYDRASCALE_DIR"] ?? "data");
  const loaded = load({ config: parsed.value.config, settings: {} }, dir, io);
  if (!loaded.ok) return fail(io, loaded.error);
  for (const warning of loaded.value.warnings) io.err(`hydrascale: ${warning}\n`);
  const takeDown: TakeDown = [];
  const wrong = await serve(role, loaded.value.config, parsed.value.rebuild, io, takeDown);
  for (const one of takeDown.splice(0).reverse()) await one();
  return wrong === undefined ? 0 : fail(io, [wrong]);
}

/** Resolves when it is over; with the reason when nobody asked for it. */
async function serve(
  role: Role,
  config: Config,
  anew: boolean,
  io: Io,
  takeDown: TakeDown,
): Promise<Problem | undefined> {
  await loadZstd();
  const log = createLog({
    level: config.log.level,
    format: config.log.format,
    write: (line) => io.err(line),
  });
  const access = accessFor(role, config);
  if (!access.ok) return access.error;
  if (anew) return rebuildAll(access.value, io);
  const part = { access: access.value, metrics: createMetrics({ process: true }), log, takeDown };
  if (role === "projector") {
    const projector = await startProjector(part);
    if (!projector.ok) return projector.error;
    return aborted(io.signal);
  }
  const lock = lockFolder(config.state_dir);
  if (!lock.ok) return lock.error;
  takeDown.push(() => lock.value.release());
  const { lost, lose } = loss();
  const gateway = await startGateway(part, config, lose);
  if (!gateway.ok) return gateway.error;
  return Promise.race([aborted(io.signal), lost]);
}

async function rebuildAll(access: Parameters<typeof openStore>[0], io: Io): Promise<Problem | undefined> {
  const store = await openStore(access, "projector");
  if (!store.ok) return store.error;
  const done = await rebuild(store.value, tid);
  await store.value.close();
  if (!done.ok) return done.error;
  const { generation, documents, entombed } = done.value;
  io.out(
    `generation ${generation}: ${documents} documents written, ${entombed} left over from before removed\n`,
  );
  return undefined;
}

function parse(role: Role, args: readonly string[]): Result<RoleArguments, Problem> {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        dir: { type: "string" },
        config: { type: "string", short: "c" },
        rebuild: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.rebuild === true && role !== "projector")
      return err(problem("invalid", "gateway: --rebuild is for the projector"));
    return ok({
      dir: values.dir,
      config: values.config,
      rebuild: values.rebuild === true,
      help: values.help === true,
    });
  } catch (error) {
    const text = messageOf(error);
    return err(
      problem(
        "invalid",
        `${role}: ${text.split(". ")[0] ?? ""}`,
        `\`hydrascale ${role} --help\` lists the flags`,
      ),
    );
  }
}
