// The laws that `npm run laws` holds the code to, cheapest first.

import { codecHttp2 } from "@hydrascale/gateway/http2/codec/serve";
import { nodeHttp2 } from "@hydrascale/gateway/http2/node-http2";
import type { Http2Serve } from "@hydrascale/gateway/http2/port";
import { systemClock } from "@hydrascale/core/lib/clock";
import { lawRun } from "@hydrascale/core/netmap/testing/law";
import { fuzzHttp2 } from "../contract/http2-fuzz.ts";
import { checkFold } from "./fold.ts";
import { checkFrame } from "./frames.ts";
import { checkHandshake } from "./handshake.ts";
import type { Law } from "./law.ts";

const mib = 1 << 20;

const http2 = (name: string, serve: Http2Serve): Law => ({
  name,
  unit: "hostile HTTP/2 sessions of about 25 frames",
  perRun: 1,
  check: (seed) => fuzzHttp2(serve, seed, 1),
  mayGrow: 16 * mib,
});

export const laws: readonly Law[] = [
  { name: "frames", unit: "fuzzed frames", perRun: 100, check: checkFrame, mayGrow: 8 * mib },
  http2("http2-node", nodeHttp2(systemClock)),
  http2("http2-codec", codecHttp2(systemClock)),
  { name: "handshake", unit: "handshakes by both suites", perRun: 1, check: checkHandshake },
  { name: "fold", unit: "histories, folded twice", perRun: 1, check: checkFold },
  { name: "netmap", unit: "histories of netmaps", perRun: 1, check: (seed) => lawRun(seed, 40) },
];
