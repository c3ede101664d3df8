// Sessions of damaged and hostile HTTP/2 against an adapter of the port, from a seed. Each ends with its connection
// closed and nothing held; an exception that nobody catches ends the process, which is the finding.

import assert from "node:assert/strict";
import type { Http2Handler, Http2Response, Http2Serve } from "@hydrascale/gateway/http2/port";
import { closed, eventually, within } from "./http2-client.ts";
import { frame, headersFrame, pair, preface } from "./http2-pair.ts";

export type Random = (below: number) => number;

/** mulberry32: small, and the same everywhere. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const u32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};

const junk = (pick: Random, below: number): Buffer =>
  Buffer.from(Array.from({ length: pick(below) }, () => pick(256)));

/** One frame that a peer might send, or nearly. */
function someFrame(pick: Random, stream: number): Buffer {
  const kinds: (() => Buffer)[] = [
    () => headersFrame(stream, `/${"p".repeat(pick(60))}`),
    () => frame(1, 5, stream, headersFrame(stream, "/get").subarray(9)),
    () => frame(0, pick(2), stream, Buffer.alloc(pick(16_384))),
    () => frame(0, 1, stream, junk(pick, 200)),
    () => frame(3, 0, stream, u32(pick(14))),
    () => frame(4, pick(2), 0, Buffer.concat([Buffer.from([0, pick(8)]), u32(pick(70_000))])),
    () => frame(6, pick(2), 0, Buffer.alloc(8)),
    () => frame(8, 0, pick(2) * stream, u32(pick(0x7fffffff))),
    () => frame(2, 0, stream, Buffer.alloc(5)),
    () => frame(7, 0, 0, Buffer.alloc(8)),
    () => frame(9, pick(8), stream, junk(pick, 100)),
    () => frame(1, pick(256), stream, junk(pick, 200)),
    () => frame(pick(16), pick(256), pick(20), junk(pick, 100)),
    () => junk(pick, 50),
  ];
  // The well-formed ones more often, or no session would get far.
  const kind = kinds[pick(3) > 0 ? pick(8) : pick(kinds.length)];
  return kind === undefined ? Buffer.alloc(0) : kind();
}

function someSession(pick: Random): Buffer {
  const parts = [pick(40) === 0 ? junk(pick, 60) : preface];
  let stream = 1;
  for (let i = 5 + pick(40); i > 0; i--) {
    if (pick(3) === 0) stream += 2;
    parts.push(someFrame(pick, pick(6) === 0 ? 1 + 2 * pick(20) : stream));
  }
  const wire = Buffer.concat(parts);
  // A few sessions have a bit or two wrong anywhere.
  for (let i = pick(4) === 0 ? 1 + pick(3) : 0; i > 0; i--) {
    const at = pick(wire.length);
    wire[at] = (wire[at] ?? 0) ^ (1 << pick(8));
  }
  return wire;
}

/** Answers in every way there is, too late and twice included. */
function someHandler(pick: Random): Http2Handler {
  const act = (response: Http2Response): void => {
    switch (pick(7)) {
      case 0:
        return response.respond(200, { "x-y": "z" });
      case 1:
        return void response.write(Buffer.alloc(pick(40_000)));
      case 2:
        return response.end(Buffer.alloc(pick(2000)));
      case 3:
        return response.reset();
      default:
        return undefined;
    }
  };
  return (_request, response) => {
    response.onDrain(() => act(response));
    response.onClose(() => act(response));
    if (pick(5) > 0) response.respond(200);
    for (let i = pick(5); i > 0; i--) act(response);
    setImmediate(() => act(response));
  };
}

export async function fuzzHttp2(serve: Http2Serve, seed: number, sessions: number): Promise<void> {
  for (let i = 0; i < sessions; i++) await session(serve, random(seed + i), `seed ${seed + i}`);
}

async function session(serve: Http2Serve, pick: Random, name: string): Promise<void> {
  const [client, server] = pair();
  client.on("error", () => undefined);
  if (pick(3) > 0) client.resume();
  const connection = serve(server, someHandler(pick));
  const wire = someSession(pick);
  const most = [1, 9, 200, 5000, wire.length][pick(5)] ?? 1;
  const stop = pick(6) === 0 ? pick(wire.length) : wire.length;
  for (let at = 0; at < stop && !client.destroyed;) {
    const size = Math.min(1 + pick(most), stop - at);
    client.write(wire.subarray(at, at + size));
    at += size;
    if (pick(most === 1 ? 400 : 10) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  server.stuck = pick(10) === 0;
  await new Promise((resolve) => setImmediate(resolve));
  const ending = pick(4);
  if (ending < 2) client.destroy();
  else if (ending === 2) server.destroy();
  else connection.close();
  await within(3000, `${name}: the close`, closed(connection));
  await eventually(`${name}: no open stream`, () => connection.openStreams === 0);
  assert.ok(server.destroyed, name);
}
