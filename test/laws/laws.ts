// The laws that `npm run laws` holds the code to, cheapest first.

import { codecHttp2 } from "@hydrascale/gateway/http2/codec/serve";
import { systemClock } from "@hydrascale/core/lib/clock";
import { lawRun } from "@hydrascale/core/netmap/testing/law";
import { fuzzHttp2 } from "../contract/http2-fuzz.ts";
import { checkFold } from "./fold.ts";
import { checkFrame } from "./frames.ts";
import { checkHandshake } from "./handshake.ts";
import type { Law } from "./law.ts";

const mib = 1 << 20;
/** The adapter that serves. node:http2 is not held to this: over a stream that is no socket it aborts the process. */
const serve = codecHttp2(systemClock);

export const laws: readonly Law[] = [
  { name: "frames", unit: "fuzzed frames", perRun: 100, check: checkFrame, mayGrow: 8 * mib },
  {
    name: "http2",
    unit: "hostile HTTP/2 sessions of about 25 frames",
    perRun: 1,
    check: (seed) => fuzzHttp2(serve, seed, 1),
    mayGrow: 16 * mib,
  },
  { name: "handshake", unit: "handshakes by both suites", perRun: 1, check: checkHandshake },
  { name: "fold", unit: "histories, folded twice", perRun: 1, check: checkFold },
  { name: "netmap", unit: "histories of netmaps", perRun: 1, check: (seed) => lawRun(seed, 40) },
];
