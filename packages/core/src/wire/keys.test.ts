import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ZERO_NODE_KEY,
  isZeroKey,
  machineKey,
  nodeKey,
  parseDiscoKey,
  parseMachineKey,
  parseNodeKey,
  parsePrivateKey,
  privateKeyText,
  rawKey,
} from "./keys.ts";

const digits = "00ff".repeat(16);

test("a key text is read in either case and given in lower case", () => {
  const parsed = parseNodeKey(`nodekey:${digits.toUpperCase()}`);
  assert.deepEqual(parsed, { ok: true, value: `nodekey:${digits}` });
  assert.ok(parsed.ok);
  assert.equal(nodeKey(rawKey(parsed.value)), parsed.value);
});

test("a wrong prefix, length or digit is refused", () => {
  const bad = [
    "",
    "nodekey:",
    `mkey:${digits}`,
    `NODEKEY:${digits}`,
    digits,
    `nodekey:${digits}0`,
    `nodekey:${digits.slice(1)}`,
    `nodekey:${digits.slice(1)}g`,
    `nodekey:${digits.slice(1)}\n`,
    ` nodekey:${digits}`,
  ];
  for (const text of bad) assert.equal(parseNodeKey(text).ok, false, JSON.stringify(text));
  assert.ok(parseMachineKey(`mkey:${digits}`).ok);
  assert.ok(parseDiscoKey(`discokey:${digits}`).ok);
});

test("the zero key of every kind means absent", () => {
  assert.ok(isZeroKey(ZERO_NODE_KEY));
  assert.ok(isZeroKey(`discokey:${"0".repeat(64)}`));
  assert.ok(isZeroKey(""));
  assert.ok(!isZeroKey(machineKey(new Uint8Array(32).fill(1))));
});

test("what is wrong with a private key is said without showing it", () => {
  const raw = new Uint8Array(32).fill(0xab);
  const text = privateKeyText(raw);
  assert.deepEqual(parsePrivateKey(text), { ok: true, value: raw });
  const parsed = parsePrivateKey(`${text}0`);
  assert.ok(!parsed.ok);
  assert.doesNotMatch(JSON.stringify(parsed.error), /abab/);
});
