// GET /key?v=N (protocol 1.1, 17): the server's Noise key for every client that names its version, however old; an old
// one is refused where its user sees it, at register.

import type { IncomingMessage, ServerResponse } from "node:http";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import { ZERO_MACHINE_KEY, machineKey } from "@hydrascale/core/wire/keys";

/** The handler; the public key is worked out once, not at every request. */
export function keyHandler(noiseKey: Uint8Array): (req: IncomingMessage, res: ServerResponse) => void {
  const publicKey = machineKey(nodeSuite.importPrivate(noiseKey).publicKey);
  const answer = JSON.stringify({ legacyPublicKey: ZERO_MACHINE_KEY, publicKey });
  return (req, res) => {
    const version = new URLSearchParams((req.url ?? "").split("?", 2)[1] ?? "").get("v") ?? "";
    if (/^\d{1,9}$/.test(version)) res.writeHead(200, { "content-type": "application/json" }).end(answer);
    else
      res
        .writeHead(400, { "content-type": "text/plain; charset=utf-8" })
        .end("the query needs v=<capability version>\n");
  };
}
