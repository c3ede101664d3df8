import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Hono } from "hono";
import { createWeb } from "./web.ts";

test("a load balancer's HTTP/1.0 question without a Host is answered", async () => {
  const pages = new Hono().get("/health", (c) => c.json({ status: "pass" }));
  const server = createServer(createWeb({ api: new Hono(), pages, handlers: [], onBug: assert.ifError }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end("GET /health HTTP/1.0\r\n\r\n");
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\{"status":"pass"\}$/);
  } finally {
    server.close();
  }
});
