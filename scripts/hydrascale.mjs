// Runs the command line from a clone: prepares it if need be, then loads the TypeScript source as it is, in this process.
import { prepare } from "./prepare.mjs";

try {
  await prepare();
} catch (error) {
  process.stderr.write(`hydrascale: ${error.message}\n`);
  process.exit(8);
}
const { register } = await import("tsx/esm/api");
register();
await import("../packages/cli/src/main.ts");
