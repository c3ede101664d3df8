// A process that starts a server, tells its pid, and waits to be killed.

import { systemClock } from "@hydrascale/core/lib/clock";
import { startNatsServer } from "@hydrascale/core/nats-server/child";
import { silent } from "@hydrascale/core/nats-server/edge-log";
import { must } from "./nats.ts";

const [dir = "", bin = ""] = process.argv.slice(2);
const child = must(await startNatsServer({ bin, dir, log: silent, clock: systemClock, env: process.env }));
process.send?.(child.pid);
