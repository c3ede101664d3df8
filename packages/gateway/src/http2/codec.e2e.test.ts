// The codec with node's HTTP/2 client as its peer: its HPACK encoder, its cancels, and both inside Noise records.

import assert from "node:assert/strict";
import { connect } from "node:http2";
import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import { connect as dial, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { suite, test } from "node:test";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import { systemClock } from "@hydrascale/core/lib/clock";
import { NoiseDuplex } from "../noise/duplex.ts";
import { codecHttp2 } from "./codec/serve.ts";
import type { Http2Connection, Http2Handler, Http2Limits } from "./port.ts";

interface Loopback {
  readonly session: ClientHttp2Session;
  readonly connection: Http2Connection;
  end(): Promise<void>;
}

const [up, down] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const nothing = Buffer.alloc(0);

async function loopback(
  handler: Http2Handler,
  noise = false,
  limits: Partial<Http2Limits> = {},
): Promise<Loopback> {
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = dial((server.address() as AddressInfo).port, "127.0.0.1");
  const socket = await accepted;
  const suite = nodeSuite;
  const serverEnd = noise
    ? new NoiseDuplex(socket, { suite, sendKey: down, receiveKey: up }, nothing)
    : socket;
  const clientEnd = noise
    ? new NoiseDuplex(client, { suite, sendKey: up, receiveKey: down }, nothing)
    : client;
  const connection = codecHttp2(systemClock, limits)(serverEnd, handler);
  const session = connect("http://control.example", { createConnection: () => clientEnd });
  session.on("error", () => undefined);
  return {
    session,
    connection,
    end: async () => {
      const closed = new Promise<void>((resolve) => connection.onClose(resolve));
      session.destroy();
      await closed;
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ":method": "POST", ":path": "/", ...headers },
      { endStream: body === undefined },
    );
    const chunks: Buffer[] = [];
    let status = 0;
    stream.on("response", (h) => (status = h[":status"] ?? 0));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => resolve({ status, body: Buffer.concat(chunks) }));
    if (body !== undefined) stream.end(body);
  });
}

const echo: Http2Handler = (request, response) => {
  response.respond(200);
  response.end(request.body);
};

void suite("http/2 codec with node's client", () => {
  test("headers arrive as they were sent, whatever the client's encoder makes of them", async () => {
    const rig = await loopback((request, response) => {
      response.respond(200);
      response.end(Buffer.from(JSON.stringify(request.headers)));
    });
    // Every byte that a value may have, among enough short codes that the whole is sent in Huffman's.
    const bytes = Array.from({ length: 256 }, (_, i) => i).filter((b) => b === 9 || (b >= 32 && b !== 127));
    for (let round = 0; round < 12; round++) {
      const headers: Record<string, string> = {};
      for (let i = 0; i < 20; i++) {
        const rare = bytes[(round * 20 + i) % bytes.length] ?? 97;
        headers[`x-${(i * 7 + round) % 40}`] =
          `aeiou${String.fromCharCode(rare)}${"012st".repeat((i * round) % 30)}z`;
      }
      const { body } = await ask(rig.session, headers);
      const got = JSON.parse(body.toString()) as Record<string, string>;
      assert.deepEqual(got, headers, `round ${round}`);
    }
    await rig.end();
  });

  for (const noise of [false, true])
    test(`bodies of all sizes come back${noise ? " inside Noise records" : ""}`, async () => {
      const rig = await loopback(echo, noise);
      const sizes = [0, 1, 4_076, 4_077, 4_078, 16_383, 16_384, 16_385, 65_535, 65_536, 300_000];
      const bodies = sizes.map((size) => Buffer.alloc(size, size % 251));
      const answers = await Promise.all(bodies.map((body) => ask(rig.session, {}, body)));
      for (const [i, body] of bodies.entries())
        assert.ok(answers[i]?.body.equals(body), `${body.length} bytes`);
      await rig.end();
    });

  test("a response of many windows arrives whole inside Noise records", async () => {
    const big = Buffer.alloc(3_000_000, "0123456789");
    const rig = await loopback((_request, response) => {
      response.respond(200);
      let at = 0;
      const more = (): void => {
        while (at < big.length) {
          const room = response.write(big.subarray(at, at + 30_000));
          at += 30_000;
          if (!room) return;
        }
        response.end();
      };
      response.onDrain(more);
      more();
    }, true);
    const { body } = await ask(rig.session, {});
    assert.ok(body.equals(big));
    await rig.end();
  });

  test("cancels in the middle of everything leave nothing behind, and the connection answers", async () => {
    let open = 0;
    const rig = await loopback((request, response) => {
      open++;
      response.onClose(() => open--);
      response.respond(200);
      if (request.path === "/poll") response.write(Buffer.alloc(200_000));
      else response.end(request.body);
    });
    for (let i = 0; i < 300; i++) {
      const stream = rig.session.request({ ":method": "POST", ":path": i % 3 === 0 ? "/poll" : "/" });
      stream.on("error", () => undefined);
      stream.resume();
      stream.end(Buffer.alloc((i * 997) % 100_000));
      if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      stream.close(8);
    }
    assert.equal((await ask(rig.session, {}, Buffer.from("still here"))).body.toString(), "still here");
    assert.equal(open, 0);
    assert.equal(rig.connection.openStreams, 0);
    await rig.end();
  });

  test("what a peer does with resets while we write costs it its stream, never the process", async () => {
    // The pattern that made node:http2 abort on a JS stream: a reset is due while a write is under way.
    const rig = await loopback(echo, false, { bodyBytes: 10_000 });
    const refused = Array.from({ length: 30 }, () =>
      ask(rig.session, {}, Buffer.alloc(20_000)).catch(() => undefined),
    );
    const served = Array.from({ length: 30 }, (_, i) => ask(rig.session, {}, Buffer.alloc(9_000, i)));
    for (const answer of await Promise.all(served)) assert.equal(answer.status, 200);
    for (const answer of await Promise.all(refused)) assert.equal(answer?.status, 413);
    await rig.end();
  });
});
