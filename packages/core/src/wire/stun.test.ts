import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseStunRequest, stunRequest, stunResponse } from "./stun.ts";

const vectors = JSON.parse(
  readFileSync(new URL("./testdata/derp-vectors.json", import.meta.url), "utf8"),
) as { stun: Record<string, string> };
const bytes = (name: string): Uint8Array => Uint8Array.from(Buffer.from(vectors.stun[name] ?? "", "hex"));
const transaction = bytes("txID");
const request = bytes("request");

suite("STUN", () => {
  test("the request of the vectors is read, and made again bit by bit", () => {
    assert.deepEqual(parseStunRequest(request), transaction);
    assert.deepEqual(stunRequest(transaction), request);
  });

  test("the answers of the vectors are written for both families", () => {
    const v4 = Uint8Array.of(203, 0, 113, 5);
    assert.deepEqual(stunResponse(transaction, v4, 41641), bytes("response_203_0_113_5_41641"));
    const v6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    assert.deepEqual(stunResponse(transaction, v6, 41641), bytes("response_2001_db8__1_41641"));
  });

  test("a v4 source seen through a v6 socket is answered as v4", () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 5);
    assert.deepEqual(stunResponse(transaction, mapped, 41641), bytes("response_203_0_113_5_41641"));
  });

  test("a request with any bit flipped gets no answer", () => {
    for (let bit = 0; bit < request.length * 8; bit++) {
      const at = bit >> 3;
      assert.equal(parseStunRequest(request.with(at, (request[at] ?? 0) ^ (1 << (bit & 7)))), undefined);
    }
  });

  test("a request without fingerprint, without software or with bytes after the end gets no answer", () => {
    assert.equal(parseStunRequest(request.subarray(0, 32)), undefined);
    assert.equal(parseStunRequest(request.subarray(0, 39)), undefined);
    assert.equal(parseStunRequest(Uint8Array.from([...request, 0, 0, 0, 0])), undefined);
    // Another program's name under a correct fingerprint.
    const other = stunRequest(transaction);
    other.set(new TextEncoder().encode("elsewhat"), 24);
    new DataView(other.buffer).setUint32(36, crcOf(other.subarray(0, 32)) ^ 0x5354554e);
    assert.equal(parseStunRequest(other), undefined);
    other.set(new TextEncoder().encode("tailnode"), 24);
    new DataView(other.buffer).setUint32(36, crcOf(other.subarray(0, 32)) ^ 0x5354554e);
    assert.deepEqual(parseStunRequest(other), transaction);
  });

  test("random datagrams never throw and are never answered", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
        assert.equal(parseStunRequest(tail), undefined);
        const framed = Uint8Array.from([...request.subarray(0, 20), ...tail]);
        new DataView(framed.buffer).setUint16(2, tail.length);
        assert.equal(parseStunRequest(framed), undefined);
      }),
      { numRuns: 200 },
    );
  });
});

/** CRC-32 bit by bit, independent of the table in stun.ts. */
function crcOf(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
