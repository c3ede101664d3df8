import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanText, concat, equalBytes, fromHex, fromUtf8, isZero, toHex, utf8 } from "./bytes.ts";

test("hex is read strictly", () => {
  for (const text of ["0", "0g", "00 ", " 00", "0x00", "00\n"]) assert.equal(fromHex(text), undefined, text);
  assert.deepEqual(fromHex("00fFAb"), Uint8Array.of(0, 255, 171));
  assert.deepEqual(fromHex(""), new Uint8Array(0));
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)));
});

test("comparison looks at every byte and at the length", () => {
  assert.ok(equalBytes(Uint8Array.of(1, 2), Buffer.from([1, 2])));
  assert.ok(!equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
  assert.ok(!equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)));
  assert.ok(isZero(new Uint8Array(5)) && !isZero(Uint8Array.of(0, 0, 1)));
  assert.deepEqual(concat(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
});

test("invalid UTF-8 is no text", () => {
  assert.equal(fromUtf8(Uint8Array.of(0xc0, 0x80)), undefined);
  assert.equal(fromUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), undefined);
  assert.equal(fromUtf8(utf8("ü😀")), "ü😀");
});

test("clean text fits its bound in bytes, is a valid string and loses only what it must", () => {
  assert.equal(cleanText("a\0b\ud800c\ufffdd", 255), "abcd");
  assert.equal(cleanText("ü".repeat(200), 255), "ü".repeat(127));
  assert.equal(cleanText("😀😀", 7), "😀");
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.integer({ min: 0, max: 40 }),
      (text, max) => {
        const clean = cleanText(text, max);
        const size = Buffer.byteLength(clean);
        assert.ok(size <= max);
        assert.equal(fromUtf8(utf8(clean)), clean);
        const whole = Buffer.from(text)
          .toString()
          .replaceAll(/[\0\ufffd]/g, "");
        assert.ok(whole.startsWith(clean));
        if (Buffer.byteLength(whole) <= max && text.length <= max * 2) assert.equal(clean, whole);
      },
    ),
    { numRuns: 200 },
  );
});
