import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeApi } from "@hydrascale/test/support/fake-api";

const anyone = { key: null };

test("the login page shows what an operator has to run, with everything escaped", async () => {
  await using api = await startFakeApi();
  const login = api.service.beginLogin('<script>alert("1")</script>', 1);
  const { status, text, headers } = await api.ask("GET", `/register/${login.id}`, anyone);
  assert.equal(status, 200);
  assert.ok(text.includes(`hydrascale auth register --auth-id ${login.id} --user USERNAME`));
  assert.ok(text.includes("curl -X POST http://head.example.net/api/v1/auth/register"));
  assert.ok(text.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
  assert.doesNotMatch(text, /<script|src=|<form/);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/);
});

test("the login page says when the machine has joined or was denied", async () => {
  await using api = await startFakeApi();
  const login = api.service.beginLogin("laptop", 1);
  await api.ask("POST", "/api/v1/auth/register", { body: { user: "alice", authId: login.id } });
  assert.match((await api.ask("GET", `/register/${login.id}`, anyone)).text, /has joined.*laptop/s);
  const other = api.service.beginLogin("thief", 2);
  await api.ask("POST", "/api/v1/auth/reject", { body: { authId: other.id } });
  assert.match((await api.ask("GET", `/register/${other.id}`, anyone)).text, /denied/);
});

test("an unknown login gets a 404 that says what to do, whatever the id is", async () => {
  await using api = await startFakeApi();
  for (const id of [
    "hskey-authreq-000000000000000000000000",
    "%3Cscript%3E",
    "x".repeat(4000),
    "%00",
    "..%2f",
  ]) {
    const { status, text } = await api.ask("GET", `/register/${id}`, anyone);
    assert.equal(status, 404, id);
    assert.match(text, /tailscale login/);
    assert.doesNotMatch(text, /<script>/);
  }
});

test("probes: alive always, healthy and ready only without reasons", async () => {
  await using api = await startFakeApi();
  const health = await api.ask("GET", "/health", anyone);
  assert.equal(health.headers.get("content-type"), "application/health+json");
  assert.deepEqual([health.status, health.json], [200, { status: "pass" }]);
  assert.deepEqual((await api.ask("GET", "/readyz", anyone)).json, { ready: true, reasons: [] });
  api.notReady.push("not current: no lease");
  const ready = await api.ask("GET", "/readyz", anyone);
  assert.deepEqual([ready.status, ready.json.reasons], [503, ["not current: no lease"]]);
  assert.deepEqual((await api.ask("GET", "/health", anyone)).json, { status: "fail" });
  assert.equal((await api.ask("GET", "/livez", anyone)).status, 200);
});

test("the version is one that clients choose their calls by, with ours beside it", async () => {
  await using api = await startFakeApi();
  const { json } = await api.ask("GET", "/version", anyone);
  assert.match(json.version, /^v0\.(2[89]|[3-9]\d)\.\d+$/);
  assert.deepEqual([json.product, json.productVersion, json.commit], ["hydrascale", "0.0.0", "c0ffee"]);
});

test("every answer carries the security headers, and nothing is loaded from elsewhere", async () => {
  await using api = await startFakeApi({}, [
    (req, res) => {
      if (req.url !== "/mine") return false;
      res.end("mine");
      return true;
    },
  ]);
  for (const path of [
    "/",
    "/apple",
    "/windows",
    "/robots.txt",
    "/favicon.ico",
    "/health",
    "/key",
    "/mine",
    "/nothing",
    "/api/v1/user",
    "/api/v1/docs",
  ]) {
    const { headers, text } = await api.ask("GET", path, anyone);
    assert.equal(headers.get("x-frame-options"), "DENY", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    assert.match(headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/, path);
    assert.doesNotMatch(text, /<script|src=/, path);
  }
  assert.equal((await api.ask("GET", "/mine", anyone)).text, "mine");
  assert.equal((await api.ask("GET", "/key?v=113", anyone)).text, "the key");
});

test("help pages name this server, robots are sent away, and there are no metrics here", async () => {
  await using api = await startFakeApi();
  for (const path of ["/apple", "/windows"])
    assert.ok((await api.ask("GET", path, anyone)).text.includes("http://head.example.net"), path);
  assert.match((await api.ask("GET", "/robots.txt", anyone)).text, /Disallow: \//);
  const metrics = await api.ask("GET", "/metrics");
  assert.deepEqual([metrics.status, metrics.json.kind], [404, "not-found"]);
});
