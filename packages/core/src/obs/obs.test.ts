import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { serveMetrics } from "./listener.ts";
import { createLog, type LogOptions } from "./log.ts";
import { createMetrics } from "./metrics.ts";

function lines(options: Omit<LogOptions, "write">): { log: ReturnType<typeof createLog>; out: string[] } {
  const out: string[] = [];
  return { log: createLog({ ...options, write: (line) => out.push(line) }), out };
}

test("a text line has the time, the level, the message and the facts", () => {
  const { log, out } = lines({ level: "info", format: "text" });
  log.with({ node: 7 }).warn("key expired", { since: "3 h", at: undefined });
  log.debug("not written");
  assert.equal(out.length, 1);
  assert.match(out[0] ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z warn {2}key expired node=7 since="3 h"\n$/);
});

test("secrets reach no line, whatever they are called or stand in", () => {
  const key = `hskey-auth-0123456789ab-${"f".repeat(64)}`;
  const seed = `SU${"A".repeat(56)}`;
  for (const format of ["text", "json"] as const) {
    const { log, out } = lines({ level: "debug", format });
    log.info(`used ${key}`, {
      apiKey: "abc",
      nested: { token: "abc", text: key },
      list: [seed],
      error: new Error(key),
    });
    const text = out.join("");
    assert.match(text, /hskey-auth-0123456789ab-\*\*\*/);
    assert.doesNotMatch(text, /ffffffff|AAAAAAAA|abc[^d]/);
  }
});

test("a text line stays one line, whatever a client called itself", () => {
  const { log, out } = lines({ level: "info", format: "text" });
  log.info("node a\nb joined", { hostname: "x\u001b[2Jy", other: "p\nq", dir: "\u202eabc" });
  assert.match(
    out[0] ?? "",
    /node a\\u\{a\}b joined hostname="x\\u001b\[2Jy" other="p\\nq" dir="\\u\{202e\}abc"\n$/,
  );
});

test("a json line is one JSON object, with errors as text and long values cut", () => {
  const { log, out } = lines({ level: "info", format: "json" });
  log.error("failed", {
    error: new Error("boom"),
    long: "x".repeat(5000),
    bytes: new Uint8Array(3),
    big: 5n,
  });
  const line = JSON.parse(out[0] ?? "") as Record<string, string>;
  assert.equal(line.level, "error");
  assert.equal(line.msg, "failed");
  assert.match(line.error ?? "", /boom/);
  assert.ok((line.long ?? "").length < 2100);
  assert.equal(line.bytes, "(3 bytes)");
});

test("counters need no declaration and never hold more label sets than the bound", async () => {
  const metrics = createMetrics();
  metrics.inc("appends", { log: "EVT" });
  metrics.inc("appends_total", { log: "EVT" });
  metrics.inc("appends", { log: "ACT", other: "ignored" }, 3);
  for (let i = 0; i < 2000; i++) metrics.inc("noisy", { who: `client ${i}` });
  metrics.gauge("nodes", 4);
  metrics.observe("append", 0.003);
  metrics.gaugeFrom("sessions", "open map streams", () => 9);
  const text = await metrics.text();
  assert.match(text, /hydrascale_appends_total\{log="EVT"\} 2\n/);
  assert.match(text, /hydrascale_appends_total\{log="ACT"\} 3\n/);
  assert.match(text, /hydrascale_nodes 4\n/);
  assert.match(text, /hydrascale_append_seconds_bucket\{le="0.005"\} 1\n/);
  assert.match(text, /hydrascale_sessions 9\n/);
  assert.match(text, /hydrascale_noisy_total\{who="other"\} 1500\n/);
});

function get(port: number, path: string, method = "GET"): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, method }, (response) => {
      let body = "";
      response.on("data", (part: Buffer) => (body += part.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on("error", reject)
      .end();
  });
}

test("the metrics listener serves /metrics alone and says which setting clashes when its port is taken", async () => {
  const metrics = createMetrics({ process: true });
  const first = await serveMetrics(metrics, { host: "127.0.0.1", port: 0 });
  assert.ok(first.ok);
  const { port } = first.value.address;
  const got = await get(port, "/metrics?x=1");
  assert.equal(got.status, 200);
  assert.match(got.body, /hydrascale_process_cpu_seconds_total/);
  assert.equal((await get(port, "/")).status, 404);
  assert.equal((await get(port, "/metrics", "POST")).status, 405);
  const second = await serveMetrics(metrics, { host: "127.0.0.1", port });
  assert.equal(second.ok, false);
  if (!second.ok)
    assert.match(second.error.message, /^metrics_listen_addr = 127\.0\.0\.1:\d+: the port is in use$/);
  await first.value.close();
});
