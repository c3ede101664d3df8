// Prints the path of a nats-server that this release can use; obtains one first when the machine has none.
import { prepare } from "./prepare.mjs";

await prepare();
const { register } = await import("tsx/esm/api");
register();
const { findNatsServer } = await import("../packages/core/src/nats-server/find.ts");
const log = { info: console.error, warn: console.error, error: console.error };
const found = await findNatsServer({ env: process.env, log });
if (found.ok) console.log(found.value.bin);
else {
  console.error(`${found.error.message}\n${found.error.hint ?? ""}`);
  process.exitCode = 1;
}
