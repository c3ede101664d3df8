// The command line of `up`: flags to settings, and what is not a setting.

import { parseArgs } from "node:util";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";

export const upHelp = `usage: hydrascale up [flags]

Runs a whole control plane on this machine: nats-server, gateway and projector, in the foreground.

  --dir DIR           state folder (HYDRASCALE_DIR, default ./data)
  -c, --config FILE   configuration file (HYDRASCALE_CONFIG)
  --listen ADDR       listen_addr, e.g. 0.0.0.0:8080
  --server-url URL    server_url, what clients are given
  --tls-cert FILE     tls_cert_path
  --tls-key FILE      tls_key_path
  --no-auth-key       make no pre-auth key (a new one for an hour is made at each start)
  --json              one line of JSON when ready, instead of text
  --print-config      show the configuration in force and end
`;

export interface UpArguments {
  readonly dir: string | undefined;
  readonly config: string | undefined;
  readonly json: boolean;
  /** Make a pre-auth key for an hour. */
  readonly authKey: boolean;
  readonly printConfig: boolean;
  readonly help: boolean;
  /** By setting. */
  readonly settings: Readonly<Record<string, string>>;
}

const settingOf = {
  listen: "listen_addr",
  "server-url": "server_url",
  "tls-cert": "tls_cert_path",
  "tls-key": "tls_key_path",
} as const;

export function parseUpArguments(args: readonly string[]): Result<UpArguments, Problem> {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        dir: { type: "string" },
        config: { type: "string", short: "c" },
        listen: { type: "string" },
        "server-url": { type: "string" },
        "tls-cert": { type: "string" },
        "tls-key": { type: "string" },
        "no-auth-key": { type: "boolean" },
        json: { type: "boolean" },
        "print-config": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    const settings: Record<string, string> = {};
    for (const [flag, key] of Object.entries(settingOf)) {
      const value = values[flag as keyof typeof settingOf]; // the keys of settingOf are the flags
      if (value !== undefined) settings[key] = value;
    }
    return ok({
      dir: values.dir,
      config: values.config,
      json: values.json === true,
      authKey: values["no-auth-key"] !== true,
      printConfig: values["print-config"] === true,
      help: values.help === true,
      settings,
    });
  } catch (error) {
    const text = messageOf(error);
    return err(
      problem(
        "invalid",
        `up: ${text.charAt(0).toLowerCase()}${text.slice(1).split(". ")[0] ?? ""}`,
        "`hydrascale up --help` lists the flags",
      ),
    );
  }
}
