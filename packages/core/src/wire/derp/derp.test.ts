import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import fc from "fast-check";
import * as frames from "./frames.ts";
import { frameType } from "./frames.ts";
import { clientInfoFrame, openClientInfo, openServerInfo, serverInfoFrame } from "./info.ts";
import { fuzzClientInfo, fuzzClientStream, fuzzServerStream } from "./fuzz.ts";
import { DerpError, type DerpFrame, DerpParser } from "./parser.ts";

interface Vectors {
  [name: string]: string;
}
const vectors = JSON.parse(
  readFileSync(new URL("../testdata/derp-vectors.json", import.meta.url), "utf8"),
) as Vectors & Record<"clientInfo" | "serverInfo" | "sendPacket", Record<string, string>>;

const bytes = (hex: string | undefined): Uint8Array => Uint8Array.from(Buffer.from(hex ?? "", "hex"));
const hex = (raw: Uint8Array): string => Buffer.from(raw).toString("hex");
const serverPrivate = bytes(vectors["serverPriv"]);
const serverPublic = bytes(vectors["serverPub"]);
const client = { publicKey: bytes(vectors["clientPub"]), privateKey: bytes(vectors["clientPriv"]) };
const peer = bytes(vectors["peerPub"]);

/** All frames of a stream that comes in these chunks. */
function read(reads: ReadonlyMap<number, frames.PayloadLimits>, chunks: readonly Uint8Array[]): DerpFrame[] {
  const parser = new DerpParser(reads);
  const found: DerpFrame[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    for (let next = parser.next(); next !== undefined; next = parser.next())
      found.push({ type: next.type, payload: next.payload.slice() });
  }
  return found;
}

const payloadOf = (reads: ReadonlyMap<number, frames.PayloadLimits>, whole: Uint8Array): Uint8Array => {
  const [first] = read(reads, [whole]);
  assert.ok(first);
  return first.payload;
};

suite("DERP frames", () => {
  test("the vectors are what is written", () => {
    const packet = bytes(vectors.sendPacket["payload"]);
    assert.equal(hex(frames.serverKeyFrame(serverPublic)), vectors["serverKeyFrame"]);
    assert.equal(
      hex(frames.frame(frameType.sendPacket, peer, packet)),
      vectors.sendPacket["frameFromClient"],
    );
    assert.equal(
      hex(frames.recvPacketFrame(client.publicKey, packet)),
      vectors.sendPacket["frameToPeer_recvPacket"],
    );
    assert.equal(hex(frames.keepAliveFrame()), vectors["keepAlive"]);
    assert.equal(hex(frames.peerGoneFrame(peer, frames.goneReason.notHere)), vectors["peerGoneNotHere"]);
    assert.equal(hex(frames.restartingFrame(1000, 5000)), vectors["restarting_1000ms_5000ms"]);
  });

  test("a server key is read back, and not without its magic", () => {
    const payload = payloadOf(frames.readByClient, bytes(vectors["serverKeyFrame"]));
    assert.deepEqual(frames.readServerKey(payload), serverPublic);
    assert.equal(frames.readServerKey(payload.with(0, 0)), undefined);
  });

  test("disco is magic and room for key and nonce", () => {
    const disco = new Uint8Array(62);
    disco.set([0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]);
    assert.equal(frames.isDisco(disco), true);
    assert.equal(frames.isDisco(disco.subarray(0, 61)), false);
    assert.equal(frames.isDisco(disco.with(5, 0)), false);
  });
});

suite("DERP boxes", () => {
  test("the client info of the vectors opens and is made again bit by bit", () => {
    const whole = bytes(vectors.clientInfo["frame"]);
    const opened = openClientInfo(payloadOf(frames.readByServer, whole), serverPrivate);
    assert.deepEqual(opened.key, client.publicKey);
    assert.deepEqual(opened.info, { version: 2, canAckPings: true, isProber: false });
    assert.deepEqual(clientInfoFrame(client, serverPublic, bytes(vectors.clientInfo["nonce"])), whole);
  });

  test("the server info of the vectors opens and is made again bit by bit", () => {
    const whole = bytes(vectors.serverInfo["frame"]);
    const payload = payloadOf(frames.readByClient, whole);
    assert.deepEqual(openServerInfo(payload, serverPublic, client.privateKey), { version: 2 });
    const nonce = bytes(vectors.serverInfo["nonce"]);
    assert.deepEqual(serverInfoFrame(client.publicKey, serverPrivate, nonce), whole);
  });

  test("one flipped bit anywhere keeps a client info shut", () => {
    const payload = payloadOf(frames.readByServer, bytes(vectors.clientInfo["frame"]));
    for (let at = 0; at < payload.length; at += 7)
      assert.throws(() => openClientInfo(payload.with(at, (payload[at] ?? 0) ^ 1), serverPrivate), DerpError);
  });

  test("a key of small order proves nothing", () => {
    const payload = payloadOf(frames.readByServer, bytes(vectors.clientInfo["frame"])).fill(0, 0, 32);
    assert.throws(() => openClientInfo(payload, serverPrivate), DerpError);
  });

  test("a box that holds anything but a JSON object is refused", () => {
    for (const content of [[], null, 7] as const) {
      const odd = clientInfoFrame(client, serverPublic, new Uint8Array(24), content as never);
      assert.throws(
        () => openClientInfo(payloadOf(frames.readByServer, odd), serverPrivate),
        /not a JSON object/,
      );
    }
  });
});

suite("DERP parser", () => {
  const frameArbitrary = fc.oneof(
    fc
      .uint8Array({ minLength: 32, maxLength: 600 })
      .map((payload) => ({ type: frameType.sendPacket as number, payload })),
    fc.uint8Array({ maxLength: 16 }).map((payload) => ({ type: frameType.ping as number, payload })),
    fc.uint8Array({ maxLength: 300 }).map((payload) => ({ type: 0xee, payload })),
  );

  test("frames come out the same however the stream is cut, unknown types left out", () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 8 }),
        fc.array(fc.nat(4000), { maxLength: 12 }),
        (sent, cuts) => {
          const stream = Buffer.concat(sent.map((f) => frames.frame(f.type, f.payload)));
          const places = [0, ...cuts.map((c) => Math.min(c, stream.length)).sort((a, b) => a - b)];
          const chunks = places.map((from, i) => Uint8Array.from(stream.subarray(from, places[i + 1])));
          const expected = sent.filter((f) => f.type !== 0xee);
          assert.deepEqual(read(frames.readByServer, chunks), expected);
          const single = Array.from(stream, (byte) => Uint8Array.of(byte));
          assert.deepEqual(read(frames.readByServer, single), expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("chunks pushed before the earlier ones were read are not lost", () => {
    const parser = new DerpParser(frames.readByServer);
    const ping = bytes(vectors["ping"]);
    for (const part of [ping, ping.subarray(0, 7), ping.subarray(7)]) parser.push(part);
    assert.deepEqual(
      [parser.next(), parser.next(), parser.next()].map((f) => f?.payload.length),
      [8, 8, undefined],
    );
  });

  test("each limit holds at its edge and breaks one byte on", () => {
    const edges = [
      [frameType.sendPacket, 32 + 65_536, 31],
      [frameType.clientInfo, 256 << 10, 55],
      [frameType.notePreferred, 1, 0],
      [frameType.ping, 1000, undefined],
    ] as const;
    for (const [type, max, tooFew] of edges) {
      assert.equal(
        read(frames.readByServer, [frames.frame(type, new Uint8Array(max))])[0]?.payload.length,
        max,
      );
      for (const wrong of [max + 1, tooFew])
        if (wrong !== undefined)
          assert.throws(
            () => read(frames.readByServer, [frames.frame(type, new Uint8Array(wrong))]),
            DerpError,
          );
    }
  });

  test("an unknown frame over 1 MiB is refused by its header alone, and the parser stays refused", () => {
    const parser = new DerpParser(frames.readByServer);
    parser.push(Uint8Array.of(0xee, 0, 0x10, 0, 1));
    assert.throws(() => parser.next(), DerpError);
    parser.push(bytes(vectors["ping"]));
    assert.throws(() => parser.next(), DerpError);
  });

  test("the fuzz entry points throw nothing but their own error", () => {
    const attempt = (entry: (input: Uint8Array) => void, input: Uint8Array): void => {
      try {
        entry(input);
      } catch (cause) {
        if (!(cause instanceof DerpError)) throw cause;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        for (const entry of [fuzzServerStream, fuzzClientStream, fuzzClientInfo]) attempt(entry, input);
      }),
      { numRuns: 100 },
    );
  });
});
