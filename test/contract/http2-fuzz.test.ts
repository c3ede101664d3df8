// The codec only: node:http2 on a JS stream ends the process under this fuzz (an assertion, or a corrupted heap).
import assert from "node:assert/strict";
import { test } from "node:test";
import { codecHttp2 } from "@hydrascale/gateway/http2/codec/serve";
import { systemClock } from "@hydrascale/core/lib/clock";
import { Rig } from "./http2-client.ts";
import { fuzzHttp2 } from "./http2-fuzz.ts";

test("damaged and hostile sessions end with nothing held", async () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000);
  console.log(`http/2 fuzz: FUZZ_SEED=${seed}`);
  const bytes = 1 << 20;
  const serve = codecHttp2(systemClock, { totalBodyBytes: bytes });
  await fuzzHttp2(serve, seed, 150);
  // One byte that an unfinished body still held would be too much for this one.
  const rig = new Rig(serve, (_request, response) => {
    response.respond(200);
    response.end();
  });
  assert.equal((await rig.ask({ ":path": "/" }, Buffer.alloc(bytes))).status, 200);
  await rig.end();
});
