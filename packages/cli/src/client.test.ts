import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { Client } from "./client.ts";

async function clientOf(
  t: TestContext,
  listener: RequestListener,
  signal = new AbortController().signal,
): Promise<Client> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const target = { kind: "url", url, apiKey: "k" } as const;
  return new Client({ target, timeoutMs: 60, signal, patienceMs: 200, pauseMs: 10 });
}

test("patience ends, and the server's own words are the reason", async (t) => {
  let tries = 0;
  const client = await clientOf(t, (_, response) => {
    tries++;
    response.writeHead(503).end('{"detail":"the log has no leader","kind":"unavailable","hint":"wait"}');
  });
  const answer = await client.get("/x");
  assert.deepEqual(answer, {
    ok: false,
    error: { code: "unavailable", message: "the log has no leader", hint: "wait" },
  });
  assert.ok(tries > 3, `${tries} tries`);
});

test("a server that never answers is unavailable after the time-outs, not for ever", async (t) => {
  const client = await clientOf(t, () => undefined);
  const answer = await client.post("/x");
  assert.equal(answer.ok, false);
  if (!answer.ok)
    assert.match(answer.error.message, /^no answer from http:\/\/127\.0\.0\.1:\d+: no answer within 60 ms$/);
});

test("an answer that breaks off or never ends is asked for again", async (t) => {
  let tries = 0;
  const client = await clientOf(t, (_, response) => {
    tries++;
    response.writeHead(200, { "content-length": "20" });
    if (tries === 1) response.write('{"half"', () => response.destroy());
    else if (tries === 2) response.write('{"half"');
    else response.end('{"whole":  "answer"}');
  });
  assert.deepEqual(await client.get("/x"), { ok: true, value: { whole: "answer" } });
  assert.equal(tries, 3);
});

test("a refusal is not repeated", async (t) => {
  let tries = 0;
  const client = await clientOf(t, (_, response) => {
    tries++;
    response.writeHead(409).end('{"detail":"user mira: exists","code":6}');
  });
  const answer = await client.post("/x");
  assert.equal(tries, 1);
  if (!answer.ok) assert.equal(answer.error.code, "conflict");
});

test("a signal ends the waiting at once", async (t) => {
  const stop = new AbortController();
  const client = await clientOf(t, (_, response) => response.writeHead(503).end("{}"), stop.signal);
  setTimeout(() => stop.abort(), 30);
  const answer = await client.post("/x");
  assert.deepEqual(answer, {
    ok: false,
    error: { code: "unavailable", message: "stopped before the answer came" },
  });
});

test("events that break off are reported after those that came", async (t) => {
  const client = await clientOf(t, (_, response) => {
    response.writeHead(200);
    response.write('{"seq":1}\n{"seq":2}\n{"se', () => response.destroy());
  });
  const got: unknown[] = [];
  for await (const line of client.lines("/x", {})) got.push(line.ok ? line.value.seq : line.error.code);
  assert.deepEqual(got, [1, 2, "unavailable"]);
});
