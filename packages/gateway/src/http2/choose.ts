// Which adapter of the HTTP/2 port serves.

import type { Clock } from "@hydrascale/core/lib/clock";
import { codecHttp2 } from "./codec/serve.ts";
import { nodeHttp2 } from "./node-http2.ts";
import type { Http2Serve } from "./port.ts";

export type Http2Kind = "codec" | "node";

export const http2Serve = (kind: Http2Kind, clock: Clock): Http2Serve =>
  kind === "codec" ? codecHttp2(clock) : nodeHttp2(clock);
