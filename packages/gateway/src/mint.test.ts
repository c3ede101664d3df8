// Key texts and boot ids: what tools and subjects can hold, and the same answer at any gateway.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { CommandId, TailnetId } from "@hydrascale/core/domain/ids";
import { newBootId } from "./boot.ts";
import { hashKey, mintKey, newCommandId } from "./mint.ts";

const secret = new Uint8Array(32).fill(1);
const tid = "main" as TailnetId;
const id = "command-1" as CommandId;

test("a key has the form that headscale's tools know, and is stored as its SHA-256 only", () => {
  for (const kind of ["auth", "api"] as const) {
    const minted = mintKey(secret, tid, kind, id);
    assert.match(minted.token, new RegExp(`^hskey-${kind}-[0-9a-f]{12}-[0-9a-f]{64}$`));
    assert.ok(minted.token.startsWith(`${minted.prefix}-`));
    assert.equal(minted.hash, createHash("sha256").update(minted.token).digest("hex"));
    assert.equal(minted.hash, hashKey(minted.token));
  }
});

test("the same command gives the same key; another command, kind, tailnet or installation another", () => {
  const token = mintKey(secret, tid, "auth", id).token;
  assert.equal(mintKey(secret, tid, "auth", id).token, token);
  const others = [
    mintKey(secret, tid, "auth", "command-2" as CommandId),
    mintKey(secret, tid, "api", id),
    mintKey(secret, "mai" as TailnetId, "auth", id),
    mintKey(new Uint8Array(32).fill(2), tid, "auth", id),
  ].map((minted) => minted.token.split("-").at(-1));
  assert.equal(new Set([token.split("-").at(-1), ...others]).size, 5);
});

test("command ids are legal and never alike", () => {
  const ids = new Set(Array.from({ length: 1000 }, newCommandId));
  assert.equal(ids.size, 1000);
  for (const one of ids) assert.match(one, /^[A-Za-z0-9_-]{1,64}$/);
});

test("a boot id is the base32 of its 16 bytes, in lower case", () => {
  assert.equal(newBootId(new Uint8Array(16)), "a".repeat(26));
  assert.equal(newBootId(new Uint8Array(16).fill(255)), `${"7".repeat(25)}4`);
  // RFC 4648: "foobar" is MZXW6YTBOI.
  assert.equal(newBootId(Buffer.from("foobar")), "mzxw6ytboi");
  assert.notEqual(newBootId(), newBootId());
});
