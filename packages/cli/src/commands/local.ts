// `hydrascale version` and `configtest`: what needs no server.

import { command } from "../command.ts";
import { report } from "../global.ts";
import { version } from "../version.ts";
import { noWords } from "./ask.ts";

export const versionCommand = command({
  name: "version",
  about: "print the version",
  run: ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    ctx.print(
      { version: `v${version}`, node: process.version },
      () => `hydrascale v${version} on node ${process.version}\n`,
    );
    return Promise.resolve(0);
  },
});

export const configtest = command({
  name: "configtest",
  about: "check the configuration and show all that is wrong",
  flags: {
    "print-config": { kind: "switch", about: "also print the configuration in force, secrets hidden" },
  },
  run: async ({ flags, words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return ctx.fail(extra);
    const { readConfig } = await import("../read-config.ts");
    const { printConfig } = await import("@hydrascale/core/config/print");
    const loaded = await readConfig(ctx.io, ctx.configFile, ctx.dir);
    if (!loaded.ok) return loaded.error.reduce((status, wrong) => Math.max(status, ctx.fail(wrong)), 0);
    for (const warning of loaded.value.warnings)
      report(ctx.io, { code: "invalid", message: `warning: ${warning}` });
    if (flags["print-config"]) ctx.io.out(printConfig(loaded.value));
    else ctx.print({ valid: true, warnings: loaded.value.warnings }, () => "the configuration is valid\n");
    return 0;
  },
});
