// What node:http2 meets below it when a peer hangs up. A failed assertion inside Node is an uncaught exception, which
// fails these tests and would end a gateway.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect, performServerHandshake } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import { NoiseDuplex } from "./duplex.ts";

/** Two ends of a connection in memory. */
function pair(): readonly [Duplex, Duplex] {
  const end = (peer: () => Duplex): Duplex =>
    new Duplex({
      allowHalfOpen: false,
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        if (!peer().destroyed) peer().push(chunk);
        setImmediate(done);
      },
      final(done) {
        if (!peer().destroyed) peer().push(null);
        done();
      },
    });
  const a: Duplex = end(() => b);
  const b: Duplex = end(() => a);
  return [a, b];
}

test("a peer that hangs up in the very turn in which a response is written takes only its connection with it", async () => {
  const keys = [randomBytes(32), randomBytes(32)] as const;
  for (const write of [
    (stream: ServerHttp2Stream) => stream.write("more"),
    (stream: ServerHttp2Stream) => stream.write(Buffer.alloc(300_000)),
    (stream: ServerHttp2Stream) => stream.end("last"),
    (stream: ServerHttp2Stream) => stream.close(),
  ]) {
    const [near, far] = pair();
    const own = { suite: nodeSuite, sendKey: keys[0], receiveKey: keys[1] };
    const theirs = { suite: nodeSuite, sendKey: keys[1], receiveKey: keys[0] };
    const duplex = new NoiseDuplex(near, own, Buffer.alloc(0));
    const session = performServerHandshake(duplex);
    session.on("error", () => undefined);
    duplex.once("close", () => session.destroy());
    const peer = new NoiseDuplex(far, theirs, Buffer.alloc(0));
    const client = connect("https://peer", { createConnection: () => peer });
    client.on("error", () => undefined);
    const request = client.request({ ":method": "POST", ":path": "/" });
    request.on("error", () => undefined).resume();
    const stream = await new Promise<ServerHttp2Stream>((resolve) => session.once("stream", resolve));
    stream.on("error", () => undefined);
    stream.respond({ ":status": 200 });
    for (let n = 0; n < 3; n++) await turn();
    near.push(null);
    write(stream);
    for (let n = 0; n < 6; n++) await turn();
    assert.ok(duplex.destroyed && session.destroyed, "the connection is over");
    client.destroy();
    peer.destroy();
  }
});
