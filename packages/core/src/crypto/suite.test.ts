import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../lib/bytes.ts";
import { nobleSuite } from "./noble.ts";
import { nodeSuite } from "./node.ts";
import { CryptoError, TAG_BYTES, hkdf2 } from "./suite.ts";

const hex = (text: string): Uint8Array => fromHex(text)!;
const bytes = (min: number, max = min) => fc.uint8Array({ minLength: min, maxLength: max });
const suites = [nodeSuite, nobleSuite];

test("both suites give the published hash and HMAC of abc", () => {
  for (const suite of suites) {
    assert.equal(
      toHex(suite.hash(utf8("a"), utf8("bc"))),
      "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
    );
    assert.equal(
      toHex(suite.hmac(utf8("k"), utf8("a"), utf8("bc"))),
      "9ba418ecacedd4a44b851436dd0eaebfc33878b62682e7d5afdcb90ac01898e2",
    );
  }
});

test("a low-order point is refused by both suites, also in its other spellings", () => {
  const p = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
  const points = [
    "00".repeat(32),
    "01" + "00".repeat(31),
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    p.replace(/^ff/, "ec"), // p − 1
    p.replace(/^ff/, "ed"), // p = 0
    p.replace(/^ff/, "ee"), // p + 1
    "00".repeat(31) + "80", // 0 with the bit that is ignored
  ];
  for (const suite of suites)
    for (const point of points) assert.throws(() => suite.generate().dh(hex(point)), CryptoError, point);
});

test("node and noble agree on every primitive", () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), bytes(12), bytes(0, 300), bytes(0, 64), (a, b, nonce, data, extra) => {
      const [x, y] = suites.map((suite) => suite.importPrivate(a));
      assert.deepEqual(toHex(x!.publicKey), toHex(y!.publicKey));
      const shared = suites.map((suite) => {
        try {
          return toHex(suite.importPrivate(a).dh(b)); // b is any 32 bytes: twisted and non-canonical points too
        } catch (error) {
          return (error as Error).name;
        }
      });
      assert.equal(shared[0], shared[1]);
      const [first, second] = suites.map((suite) => ({
        hash: toHex(suite.hash(data, extra)),
        hmac: toHex(suite.hmac(extra, data)),
        hkdf: hkdf2(suite, a, data).map(toHex),
        sealed: toHex(suite.aead(b).seal(nonce, data, extra)),
      }));
      assert.deepEqual(first, second);
    }),
    { numRuns: 60 },
  );
});

test("what one suite seals the other opens, and a changed bit anywhere is noticed", () => {
  fc.assert(
    fc.property(
      bytes(32),
      bytes(12),
      bytes(0, 100),
      bytes(0, 20),
      fc.nat(),
      (key, nonce, plain, extra, at) => {
        for (const [from, to] of [suites, suites.toReversed()] as [typeof nodeSuite, typeof nodeSuite][]) {
          const sealed = from.aead(key).seal(nonce, plain, extra);
          assert.equal(toHex(to.aead(key).open(nonce, sealed, extra)!), toHex(plain));
          const damaged = new Uint8Array(sealed);
          damaged[at % damaged.length]! ^= 1 << (at % 8);
          assert.equal(to.aead(key).open(nonce, damaged, extra), undefined);
          assert.equal(to.aead(key).open(nonce, sealed, Uint8Array.of(...extra, 0)), undefined);
          assert.equal(to.aead(key).open(nonce, sealed.subarray(0, TAG_BYTES - 1), extra), undefined);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("sealing in place writes what sealing returns, and nothing around it", () => {
  for (const suite of suites) {
    const aead = suite.aead(new Uint8Array(32).fill(7));
    const [nonce, plain] = [new Uint8Array(12).fill(9), utf8("forty-two")];
    const out = new Uint8Array(plain.length + TAG_BYTES + 4).fill(0xaa);
    aead.sealInto(nonce, plain, out, 2);
    assert.equal(toHex(out), `aaaa${toHex(aead.seal(nonce, plain, new Uint8Array(0)))}aaaa`);
  }
});

test("keys of a wrong length are refused before they are used", () => {
  for (const suite of suites)
    for (const length of [0, 31, 33]) {
      const wrong = new Uint8Array(length).fill(1);
      assert.throws(() => suite.importPrivate(wrong), CryptoError);
      assert.throws(() => suite.aead(wrong), CryptoError);
      assert.throws(() => suite.generate().dh(wrong), CryptoError);
    }
});

test("printing a private key shows no scalar", async () => {
  const { inspect } = await import("node:util");
  for (const suite of suites) {
    const key = suite.importPrivate(new Uint8Array(32).fill(0x5a));
    const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key);
    assert.doesNotMatch(shown, /5a, ?5a|90, ?90|5a5a/);
    assert.equal(toHex(key.reveal()), "5a".repeat(32));
  }
});
