// The one place outside the clone that this project names: a folder beside it, read-only and often not there, with
// recorded answers of the hosted service and the peer tools. Product code never looks at it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const shared = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "shared");

export const hasShared = () => existsSync(join(shared, "tools"));
