import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { concat, toHex, utf8 } from "../lib/bytes.ts";
import { MapFrameError, MapFrameReader, encodeMapFrame, frame, keepAliveFrame } from "./map-frame.ts";
import { ZstdError, contentBound, rawDecode, rawFrames } from "./zstd-frames.ts";
import { compress, decompress, loadZstd } from "./zstd.ts";

before(async () => {
  await loadZstd();
});

const keepAlive = '{"KeepAlive":true}';
const read = (wire: Uint8Array): string[] =>
  new MapFrameReader().push(wire).map((body) => decompress(body, 1 << 20).toString());

test("the keep-alive has the bytes that clients remember", () => {
  assert.equal(toHex(keepAliveFrame(true)), "1b00000028b52ffd20129100007b224b656570416c697665223a747275657d");
  assert.equal(toHex(keepAliveFrame(false)), "120000007b224b656570416c697665223a747275657d");
  assert.equal(toHex(encodeMapFrame(keepAlive, true)), toHex(keepAliveFrame(true)));
});

test("no other message has a body as long as the keep-alive's", () => {
  const lengths = { zstd: keepAliveFrame(true).length, plain: keepAliveFrame(false).length };
  for (let size = 0; size < 80; size++)
    for (const fill of [
      "x",
      "abcdefghijklmnopqrstuvwxyz0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ-+/*(){}[]=%&$",
    ]) {
      const json = JSON.stringify({ D: fill.repeat(80).slice(0, size) });
      const wire = encodeMapFrame(json, true);
      assert.notEqual(wire.length, lengths.zstd, json);
      assert.deepEqual(JSON.parse(read(wire)[0]!), JSON.parse(json));
      assert.notEqual(encodeMapFrame(json, false).length, lengths.plain, json);
    }
  // The case of the protocol text: as long as the keep-alive, and not compressible.
  assert.equal(compress(utf8('{"Domain":"abcde"}')).length, compress(utf8(keepAlive)).length);
  assert.deepEqual(JSON.parse(read(encodeMapFrame('{"Domain":"abcde"}', true))[0]!), { Domain: "abcde" });
});

test("however the stream is cut, the same messages come out", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (bodies, cuts) => {
        const wire = concat(...bodies.map(frame));
        const reader = new MapFrameReader();
        const seen: string[] = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const chunk = wire.slice(at, at + cuts[i % cuts.length]!);
          at += chunk.length;
          seen.push(...reader.push(chunk).map(toHex));
          chunk.fill(0xee);
        }
        assert.deepEqual(seen, bodies.map(toHex));
      },
    ),
    { numRuns: 100 },
  );
});

test("an empty or oversized message ends the reader", () => {
  for (const head of [Uint8Array.of(0, 0, 0, 0), Uint8Array.of(101, 0, 0, 0)]) {
    const reader = new MapFrameReader(100);
    assert.throws(() => reader.push(head), MapFrameError);
    assert.throws(() => reader.push(frame(Uint8Array.of(1))), MapFrameError);
  }
  assert.throws(() => frame(new Uint8Array(0)), MapFrameError);
  assert.throws(() => frame(new Uint8Array(16 * 1024 * 1024 + 1)), MapFrameError);
});

test("raw frames of every size class are zstd, and their bound is exact", () => {
  for (const size of [0, 1, 255, 256, 65_791, 65_792, 131_072, 131_073, 300_000]) {
    const content = Buffer.alloc(size, "netmap ");
    const framed = rawFrames(content);
    assert.equal(contentBound(framed), size);
    assert.ok(rawDecode(framed).equals(content));
    assert.ok(decompress(framed, size).equals(content), `${size} read by zstd`);
  }
});

test("compression is a round trip, deterministic, and bounded on the way back", () => {
  const content = Buffer.from(
    JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ ID: i, Name: `n${i}.` }))),
  );
  const packed = compress(content);
  assert.ok(packed.length < content.length / 3);
  assert.ok(packed.equals(compress(content)));
  assert.ok(decompress(packed, content.length).equals(content));
  assert.throws(() => decompress(packed, content.length - 1), ZstdError);
  const both = concat(packed, rawFrames(content));
  assert.throws(() => decompress(both, content.length), ZstdError);
});

test("bytes that are no whole zstd frame throw ZstdError and nothing else", () => {
  const packed = compress(Buffer.alloc(1000, "abc"));
  for (let at = 0; at < packed.length; at++) {
    assert.throws(() => decompress(packed.subarray(0, at), 1 << 20), ZstdError);
    const damaged = Buffer.from(packed);
    damaged[at]! ^= 0xff;
    try {
      decompress(damaged, 1 << 20);
    } catch (error) {
      assert.ok(error instanceof ZstdError);
    }
  }
});
