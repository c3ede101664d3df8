import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { clientAddress } from "./client-address.ts";

const trusted = ["10.0.0.0/8", "fd00::/8"];

const from = (remoteAddress: string, headers: Readonly<Record<string, string>> = {}): string =>
  clientAddress({ socket: { remoteAddress }, headers } as unknown as IncomingMessage, trusted);

test("whoever is no trusted proxy is believed nothing", () => {
  const headers = { "x-forwarded-for": "192.0.2.9", "x-real-ip": "192.0.2.9", "true-client-ip": "192.0.2.9" };
  assert.equal(from("198.51.100.1", headers), "198.51.100.1");
  assert.equal(from("::ffff:198.51.100.1", headers), "198.51.100.1");
});

test("behind trusted proxies it is the nearest address that is none of theirs", () => {
  assert.equal(from("10.0.0.1", { "x-forwarded-for": "192.0.2.66, 192.0.2.1, fd00::2" }), "192.0.2.1");
  assert.equal(from("::ffff:10.0.0.1", { "x-forwarded-for": "2001:db8::1" }), "2001:db8::1");
  assert.equal(from("10.0.0.1", { "x-real-ip": "192.0.2.1" }), "192.0.2.1");
  assert.equal(from("10.0.0.1", { "true-client-ip": "192.0.2.1" }), "192.0.2.1");
});

test("a header that a proxy passes on as the client wrote it does not hide the client", () => {
  const headers = {
    "true-client-ip": "192.0.2.66",
    "x-real-ip": "192.0.2.66",
    "x-forwarded-for": "192.0.2.1",
  };
  assert.equal(from("10.0.0.1", headers), "192.0.2.1");
  assert.equal(from("10.0.0.1", { "true-client-ip": "192.0.2.66", "x-real-ip": "192.0.2.1" }), "192.0.2.1");
});

test("what is no address leaves the proxy's own", () => {
  for (const text of ["", "nobody", "192.0.2.1:80", "192.0.2.1, unknown"])
    assert.equal(from("10.0.0.1", { "x-forwarded-for": text }), "10.0.0.1");
  assert.equal(from("10.0.0.1", { "x-real-ip": "<script>" }), "10.0.0.1");
});
