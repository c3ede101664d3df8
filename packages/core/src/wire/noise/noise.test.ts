import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { nobleSuite } from "../../crypto/noble.ts";
import { nodeSuite } from "../../crypto/node.ts";
import type { Suite } from "../../crypto/suite.ts";
import { concat, fromHex, toHex } from "../../lib/bytes.ts";
import { initiate, initiationVersion, respond } from "./handshake.ts";
import { MAX_PLAINTEXT_BYTES, NoiseError, errorFrame } from "./messages.ts";
import { RecordOpener, RecordSealer } from "./record.ts";

interface Handshake {
  protocolVersion: number;
  serverStaticPriv: string;
  serverStaticPub: string;
  serverEphemeralPriv: string;
  clientStaticPriv: string;
  clientStaticPub: string;
  clientEphemeralPriv: string;
  initiation: string;
  response: string;
  keyClientToServer: string;
  keyServerToClient: string;
  transport: { direction: string; nonceCounter: number; plaintext: string; frame: string }[];
  maxFrame?: { nonceCounter: number; frameSha256: string };
  wrongLittleEndianNonceExample?: { frame: string };
}

const vectors = JSON.parse(
  readFileSync(new URL("../testdata/noise-vectors.json", import.meta.url), "utf8"),
) as { handshakes: Handshake[]; errorFrame: { message: string; frame: string } };
const suites: Suite[] = [nodeSuite, nobleSuite];
const hex = (text: string): Uint8Array => fromHex(text)!;
const first = vectors.handshakes[0]!;

const handshake = (suite: Suite, h: Handshake) => {
  const client = initiate({
    suite,
    version: h.protocolVersion,
    machinePrivate: suite.importPrivate(hex(h.clientStaticPriv)),
    serverPublic: hex(h.serverStaticPub),
    ephemeral: suite.importPrivate(hex(h.clientEphemeralPriv)),
  });
  const server = respond({
    suite,
    serverPrivate: suite.importPrivate(hex(h.serverStaticPriv)),
    initiation: client.initiation,
    ephemeral: suite.importPrivate(hex(h.serverEphemeralPriv)),
  });
  assert.ok(server.ok);
  const finished = client.finish(server.value.response);
  assert.ok(finished.ok);
  return { client, server: server.value, finished: finished.value };
};

test("three recorded handshakes come out byte for byte, in both roles and both suites", () => {
  for (const suite of suites)
    for (const h of vectors.handshakes) {
      const { client, server, finished } = handshake(suite, h);
      assert.equal(toHex(client.initiation), h.initiation);
      assert.equal(toHex(server.response), h.response);
      assert.equal(server.machineKey, `mkey:${h.clientStaticPub}`);
      assert.equal(server.version, h.protocolVersion);
      for (const [key, want] of [
        [server.receiveKey, h.keyClientToServer],
        [server.sendKey, h.keyServerToClient],
        [finished.sendKey, h.keyClientToServer],
        [finished.receiveKey, h.keyServerToClient],
      ] as const)
        assert.equal(toHex(key), want);
    }
});

test("node and noble finish each other's handshakes", () => {
  for (let run = 0; run < 10; run++)
    for (const [ours, theirs] of [suites, suites.toReversed()] as [Suite, Suite][]) {
      const serverPrivate = ours.generate();
      const client = initiate({
        suite: theirs,
        version: run * 6000,
        machinePrivate: theirs.generate(),
        serverPublic: serverPrivate.publicKey,
      });
      const server = respond({ suite: ours, serverPrivate, initiation: client.initiation });
      assert.ok(server.ok);
      const finished = client.finish(server.value.response);
      assert.ok(finished.ok);
      assert.deepEqual(toHex(finished.value.sendKey), toHex(server.value.receiveKey));
      assert.deepEqual(toHex(finished.value.receiveKey), toHex(server.value.sendKey));
    }
});

test("every changed bit of an initiation is malformed or rejected, never accepted", () => {
  const serverPrivate = nodeSuite.importPrivate(hex(first.serverStaticPriv));
  const highBitOfEphemeral = 36 * 8 + 7; // X25519 ignores it, but the transcript does not
  for (let bit = 0; bit < 101 * 8; bit += bit < 40 ? 1 : 7) {
    const initiation = hex(first.initiation);
    initiation[bit >> 3]! ^= 1 << (bit & 7);
    const answer = respond({ suite: nodeSuite, serverPrivate, initiation });
    assert.ok(!answer.ok, `bit ${bit}`);
    const header = bit >= 16 && bit < 40;
    assert.equal(answer.error, header ? "malformed" : "rejected", `bit ${bit}`);
  }
  const initiation = hex(first.initiation);
  initiation[highBitOfEphemeral >> 3]! ^= 0x80;
  assert.deepEqual(respond({ suite: nodeSuite, serverPrivate, initiation }), {
    ok: false,
    error: "rejected",
  });
});

test("a short, long or empty initiation is malformed", () => {
  const serverPrivate = nodeSuite.generate();
  const whole = hex(first.initiation);
  for (const initiation of [new Uint8Array(0), whole.subarray(0, 100), concat(whole, Uint8Array.of(0))]) {
    assert.equal(initiationVersion(initiation), undefined);
    assert.deepEqual(respond({ suite: nodeSuite, serverPrivate, initiation }), {
      ok: false,
      error: "malformed",
    });
  }
});

test("a low-order ephemeral ends the handshake on either side", () => {
  for (const suite of suites) {
    const serverPrivate = suite.generate();
    const initiation = hex(first.initiation);
    initiation.fill(0, 5, 37);
    assert.deepEqual(respond({ suite, serverPrivate, initiation }), { ok: false, error: "rejected" });
    const client = initiate({
      suite,
      version: 142,
      machinePrivate: suite.generate(),
      serverPublic: serverPrivate.publicKey,
    });
    const response = concat(hex("020030"), new Uint8Array(48));
    assert.deepEqual(client.finish(response), { ok: false, error: "rejected" });
  }
});

test("an initiation for another server is rejected", () => {
  const initiation = hex(first.initiation);
  const answer = respond({ suite: nodeSuite, serverPrivate: nodeSuite.generate(), initiation });
  assert.deepEqual(answer, { ok: false, error: "rejected" });
});

test("a response is read once, and only whole", () => {
  const start = () => {
    const serverPrivate = nodeSuite.generate();
    const client = initiate({
      suite: nodeSuite,
      version: 142,
      machinePrivate: nodeSuite.generate(),
      serverPublic: serverPrivate.publicKey,
    });
    const server = respond({ suite: nodeSuite, serverPrivate, initiation: client.initiation });
    assert.ok(server.ok);
    return { client, response: server.value.response };
  };
  const cut = start();
  assert.deepEqual(cut.client.finish(cut.response.subarray(0, 50)), { ok: false, error: "malformed" });
  const twice = start();
  assert.ok(twice.client.finish(twice.response).ok);
  assert.equal(twice.client.finish(twice.response).ok, false);
  const refused = start();
  assert.deepEqual(refused.client.finish(errorFrame("no")), { ok: false, error: "rejected" });
});

test("an error frame has the recorded bytes, and never more than a frame", () => {
  assert.equal(toHex(errorFrame(vectors.errorFrame.message)), vectors.errorFrame.frame);
  assert.equal(errorFrame("x".repeat(9000)).length, 4096);
});

/** Frames of one direction, as the sealer makes them when the recorded plaintexts come at their counters. */
const sealUpTo = (suite: Suite, key: string, counter: number, plain: Uint8Array): Uint8Array => {
  const sealer = new RecordSealer(suite, hex(key));
  for (let i = 0; i < counter; i++) sealer.seal(new Uint8Array(0));
  return sealer.seal(plain);
};

test("recorded transport records come out byte for byte, beyond counter 255 too", () => {
  for (const h of vectors.handshakes)
    for (const t of h.transport.filter((record) => record.nonceCounter <= 300)) {
      const key = t.direction === "c2s" ? h.keyClientToServer : h.keyServerToClient;
      assert.equal(toHex(sealUpTo(nodeSuite, key, t.nonceCounter, hex(t.plaintext))), t.frame);
    }
  const { maxFrame } = first;
  assert.ok(maxFrame);
  const frame = sealUpTo(nodeSuite, first.keyServerToClient, maxFrame.nonceCounter, Buffer.alloc(4077, 0x61));
  assert.equal(createHash("sha256").update(frame).digest("hex"), maxFrame.frameSha256);
});

test("a record under a little-endian nonce is refused", () => {
  const sealer = new RecordSealer(nodeSuite, hex(first.keyClientToServer));
  const opener = new RecordOpener(nodeSuite, hex(first.keyClientToServer));
  for (let i = 0; i < 256; i++) opener.push(sealer.seal(new Uint8Array(0)));
  assert.throws(() => opener.push(hex(first.wrongLittleEndianNonceExample!.frame)), NoiseError);
});

test("however the stream is cut, the plaintext is the same and no frame is too long", () => {
  const key = new Uint8Array(32).fill(3);
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 9000 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 9 }),
      fc.constantFrom(...suites),
      (sizes, cuts, suite) => {
        const sealer = new RecordSealer(nodeSuite, key);
        const plain = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
        const wire = concat(...plain.map((part) => sealer.seal(part)));
        const opener = new RecordOpener(suite, key);
        const seen: Uint8Array[] = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const chunk = wire.slice(at, at + cuts[i % cuts.length]!);
          at += chunk.length;
          seen.push(...opener.push(chunk).map((part) => new Uint8Array(part)));
          chunk.fill(0xee); // a reader may use its buffer again
        }
        assert.ok(seen.every((part) => part.length > 0 && part.length <= MAX_PLAINTEXT_BYTES));
        assert.equal(Buffer.compare(concat(...seen), concat(...plain)), 0);
      },
    ),
    { numRuns: 30 },
  );
});

test("after one violation the opener never gives anything again", () => {
  const key = new Uint8Array(32).fill(4);
  const good = () => new RecordSealer(nodeSuite, key).seal(Buffer.from("hello"));
  const violations: [string, Uint8Array][] = [
    ["another type", Uint8Array.of(3, 0, 21)],
    ["shorter than a tag", Uint8Array.of(4, 0, 15)],
    ["longer than a frame", Uint8Array.of(4, 0x0f, 0xfe)],
    ["not authentic", concat(good().subarray(0, 23), Uint8Array.of(good()[23]! ^ 1))],
    ["again", concat(good(), good())],
  ];
  for (const [name, wire] of violations)
    for (const step of [1, wire.length]) {
      const opener = new RecordOpener(nodeSuite, key);
      assert.throws(
        () => {
          for (let at = 0; at < wire.length; at += step) opener.push(wire.subarray(at, at + step));
        },
        NoiseError,
        name,
      );
      assert.throws(() => opener.push(good()), NoiseError, `${name}, then a good frame`);
    }
});
