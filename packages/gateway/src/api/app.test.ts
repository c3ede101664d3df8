// What holds for every operation: who may ask, what refusals look like, freshness, repeats and limits.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { startFakeApi } from "@hydrascale/test/support/fake-api";
import type { Parsed } from "@hydrascale/test/support/fake-api";
import { problem } from "@hydrascale/core/lib/errors";
import { operations } from "./app.ts";

const away = problem("unavailable", "the log cannot be reached");
const concrete = (path: string): string => path.replace(/\{\w+\}/g, "1");

test("every operation refuses missing, malformed, unknown and wrong keys with the same short 401", async () => {
  await using api = await startFakeApi();
  const wrong = `${api.apiKey.slice(0, -6)}000000`;
  const headers = [
    {},
    { authorization: "Bearer " },
    { authorization: "Bearer junk" },
    { authorization: "Basic dTpw" },
    { authorization: `Bearer ${wrong}` },
    { authorization: `Bearer ${"k".repeat(5000)}` },
  ];
  for (const o of operations) {
    for (const h of headers) {
      const reply = await api.ask(o.method.toUpperCase(), concrete(o.path), { key: null, headers: h });
      assert.equal(reply.status, 401, o.id);
      assert.ok(reply.text.length < 100, reply.text);
      assert.match(reply.text, /Unauthorized/);
      assert.equal(reply.json.message, "Unauthorized");
    }
  }
  assert.deepEqual(api.keysUsed, []);
});

test("an expired key is refused at once, and the scheme is read in any case", async () => {
  await using api = await startFakeApi();
  assert.equal(
    (await api.ask("GET", "/api/v1/user", { key: null, headers: { authorization: `bearer ${api.apiKey}` } }))
      .status,
    200,
  );
  const expiration = new Date(api.service.now + 1000).toISOString();
  const key: string = (await api.ask("POST", "/api/v1/apikey", { body: { expiration } })).json.apiKey;
  assert.equal((await api.ask("GET", "/api/v1/user", { key })).status, 200);
  api.service.now += 1000;
  assert.equal((await api.ask("GET", "/api/v1/user", { key })).status, 401);
});

test("who asked stands in the log: the key's prefix, or the local socket without any key", async () => {
  await using api = await startFakeApi();
  await using local = await startFakeApi({ trust: "local" });
  for (const [one, key] of [
    [api, undefined],
    [local, null],
  ] as const) {
    assert.equal(
      (await one.ask("POST", "/api/v1/user", { body: { name: "xavier" }, ...(key === null ? { key } : {}) }))
        .status,
      200,
    );
  }
  const last = async (one: typeof api) => {
    let by: unknown;
    for await (const entry of one.service.history(1)) by = entry.message.decisions[0]?.by;
    return by;
  };
  assert.deepEqual(await last(api), { kind: "api-key", prefix: api.apiKey.slice(0, 22) });
  assert.deepEqual(await last(local), { kind: "local", name: "unix socket" });
});

test("a problem has the members of both generations of clients, as the media type that they read", async () => {
  await using api = await startFakeApi();
  const reply = await api.ask("GET", "/api/v1/node/99");
  assert.equal(reply.headers.get("content-type"), "application/problem+json");
  assert.deepEqual(reply.json, {
    title: "Not Found",
    status: 404,
    detail: "node 99: not found",
    errors: [{ message: "node 99: not found" }],
    message: "node 99: not found",
    code: 5,
    details: [],
    kind: "not-found",
  });
  const old = await api.ask("GET", "/api/v1/node/99", { headers: { accept: "application/json" } });
  assert.equal(old.headers.get("content-type"), "application/json");
  assert.deepEqual(old.json, reply.json);
});

test("bodies that are not JSON, no object, or of wrong types get 400 with what is wrong where", async () => {
  await using api = await startFakeApi();
  for (const [body, detail] of [
    ["not json", /body: not JSON/],
    ["[]", /body: a JSON object is expected/],
    ['"x"', /body: a JSON object is expected/],
    ['{"name":5}', /body\.name: /],
    ['{"name":', /body: not JSON/],
  ] as const) {
    const reply = await api.ask("POST", "/api/v1/user", { body });
    assert.equal(reply.status, 400, body);
    assert.match(reply.json.detail, detail);
  }
  const { json } = await api.ask("POST", "/api/v1/user", { body: '{"name":5,"email":[]}' });
  assert.deepEqual(
    json.errors.map((e: Parsed) => e.location),
    ["body.name", "body.email"],
  );
});

test("members that nobody asked for are ignored", async () => {
  await using api = await startFakeApi();
  const reply = await api.ask("POST", "/api/v1/user", {
    body: '{"name":"eve","x":{"y":1},"__proto__":{"email":"p"}}',
  });
  assert.deepEqual([reply.status, reply.json.user.email], [200, ""]);
});

test("ids that are none get a 4xx from every operation that takes one", async () => {
  await using api = await startFakeApi();
  for (const id of ["-1", "abc", "0", "99999999999999999999999", "1.5", "%20", "1%00", "1%2F2", "%E0%A4%A"]) {
    for (const [method, path] of [
      ["GET", `/api/v1/node/${id}`],
      ["DELETE", `/api/v1/node/${id}`],
      ["POST", `/api/v1/node/${id}/expire`],
      ["DELETE", `/api/v1/user/${id}`],
      ["DELETE", `/api/v1/preauthkey?id=${id}`],
      ["POST", `/api/v1/node/${id}/ping`],
    ] as const) {
      const { status } = await api.ask(method, path);
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
    }
  }
  assert.deepEqual(api.bugs, []);
});

test("unknown paths are 404 and known ones with another method 405, as problems", async () => {
  await using api = await startFakeApi();
  const none = await api.ask("GET", "/api/v1/nothing");
  assert.deepEqual([none.status, none.json.title], [404, "Not Found"]);
  for (const [method, path, allow] of [
    ["PATCH", "/api/v1/node/1", "GET, DELETE"],
    ["PUT", "/api/v1/user", "POST, GET"],
    ["OPTIONS", "/api/v1/policy", "GET, PUT"],
  ] as const) {
    const reply = await api.ask(method, path);
    assert.deepEqual([reply.status, reply.headers.get("allow")], [405, allow]);
  }
});

test("a body over the limit is refused: 1 MiB, for a policy 4 MiB", async () => {
  await using api = await startFakeApi();
  const big = "a".repeat(1024 * 1024);
  const refused = await api.ask("POST", "/api/v1/user", { body: { name: big } });
  assert.deepEqual([refused.status, refused.json.kind], [413, "too-large"]);
  // as JSON, each of these line ends takes two bytes
  const stored = await api.ask("PUT", "/api/v1/policy", { body: { policy: "\n".repeat(700_000) } });
  assert.equal(stored.status, 200);
  const toomuch = await api.ask("PUT", "/api/v1/policy", { body: { policy: "a".repeat(4 * 1024 * 1024) } });
  assert.equal(toomuch.status, 413);
});

test("a body without a length is cut off at the limit too", async () => {
  await using api = await startFakeApi();
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.write(
    `POST /api/v1/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.apiKey}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const chunk = `10000\r\n${"a".repeat(0x10000)}\r\n`;
  for (let i = 0; i < 20; i++) socket.write(chunk);
  const [data] = await new Promise<[Buffer]>((resolve) => socket.once("data", (d: Buffer) => resolve([d])));
  assert.match(data.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
});

test("answers are as fresh as the log: a barrier comes first, and without one there is no answer", async () => {
  await using api = await startFakeApi();
  await api.ask("GET", "/api/v1/user");
  assert.equal(api.service.barriers, 1);
  api.service.away = away;
  for (const [method, path] of [
    ["GET", "/api/v1/user"],
    ["POST", "/api/v1/apikey"],
  ] as const) {
    const reply = await api.ask(method, path);
    assert.deepEqual([reply.status, reply.json.code], [503, 14]);
  }
  assert.equal((await api.ask("GET", "/api/v1/user", { key: "junk" })).status, 401);
});

test("health, status and doctor answer while the log is away", async () => {
  await using api = await startFakeApi();
  assert.deepEqual((await api.ask("GET", "/api/v1/health")).json, { databaseConnectivity: true });
  api.service.away = away;
  assert.deepEqual((await api.ask("GET", "/api/v1/health")).json, { databaseConnectivity: false });
  assert.equal((await api.ask("GET", "/api/v1/status")).json.nats.connected, false);
  assert.deepEqual((await api.ask("GET", "/api/v1/doctor")).json, { findings: [] });
});

test("a write tells its sequence, and a read can wait for it", async () => {
  await using api = await startFakeApi();
  const made = await api.ask("POST", "/api/v1/user", { body: { name: "eve" } });
  const seq = Number(made.headers.get("x-hydrascale-seq"));
  assert.ok(seq > 0);
  assert.equal((await api.ask("GET", `/api/v1/user?minSeq=${seq}`)).status, 200);
  assert.equal((await api.ask("GET", `/api/v1/user?minSeq=${seq + 1}`)).status, 503);
  assert.equal((await api.ask("GET", "/api/v1/user?minSeq=-1")).status, 400);
  assert.equal((await api.ask("GET", "/api/v1/user")).headers.get("x-hydrascale-seq"), null);
});

test("a repeat with the same idempotency key gets the first answer, keys and all", async () => {
  await using api = await startFakeApi();
  const login = api.service.beginLogin("laptop", 3);
  const requests = [
    ["POST", "/api/v1/preauthkey", { user: "1" }],
    ["POST", "/api/v1/apikey", {}],
    ["POST", "/api/v1/user", { name: "eve" }],
    ["POST", "/api/v1/auth/register", { user: "bob", authId: login.id }],
    ["DELETE", "/api/v1/node/1", {}],
    ["DELETE", "/api/v1/user/3", {}],
    ["DELETE", "/api/v1/preauthkey?id=1", {}],
  ] as const;
  for (const [i, [method, path, body]] of requests.entries()) {
    const headers = { "idempotency-key": `try-${i}` };
    const first = await api.ask(method, path, { body, headers });
    assert.equal(first.status, 200, path + first.text);
    if (path.endsWith("register")) api.service.pending.delete(login.id);
    assert.deepEqual((await api.ask(method, path, { body, headers })).json, first.json, path);
  }
  const prefix = (await api.ask("GET", "/api/v1/apikey")).json.apiKeys[1].prefix;
  const headers = { "idempotency-key": "last" };
  for (let i = 0; i < 2; i++)
    assert.deepEqual((await api.ask("DELETE", `/api/v1/apikey/${prefix}`, { headers })).json, {});
});

test("an idempotency key that was used for something else gives out no key", async () => {
  await using api = await startFakeApi();
  const headers = { "idempotency-key": "once" };
  await api.ask("POST", "/api/v1/user", { body: { name: "eve" }, headers });
  for (const [path, body] of [
    ["/api/v1/apikey", {}],
    ["/api/v1/preauthkey", { user: "1" }],
  ] as const) {
    const reply = await api.ask("POST", path, { body, headers });
    assert.equal(reply.status, 409);
    assert.doesNotMatch(reply.text, /hskey-/);
  }
  assert.equal(api.service.directory.apiKeys.size, 1);
});

test("an idempotency key that is no command id is refused before anything happens", async () => {
  await using api = await startFakeApi();
  for (const bad of ["a b", "x".repeat(65), "ü"]) {
    const reply = await api.ask("POST", "/api/v1/user", {
      body: { name: "eve" },
      headers: { "idempotency-key": encodeURI(bad).replaceAll("%20", " ") },
    });
    assert.equal(reply.status, 400, bad);
  }
  assert.equal(api.service.directory.users.size, 2);
});

test("browsers of listed origins may call, others are told nothing", async () => {
  await using api = await startFakeApi({ corsOrigins: ["https://ui.example.net"] });
  const preflight = (origin: string) =>
    api.ask("OPTIONS", "/api/v1/node", {
      key: null,
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });
  const fine = await preflight("https://ui.example.net");
  assert.equal(fine.status, 204);
  assert.equal(fine.headers.get("access-control-allow-origin"), "https://ui.example.net");
  assert.match(fine.headers.get("access-control-allow-headers") ?? "", /authorization/);
  assert.equal((await preflight("https://evil.example")).headers.get("access-control-allow-origin"), null);
  const read = await api.ask("GET", "/api/v1/user", { headers: { origin: "https://ui.example.net" } });
  assert.equal(read.headers.get("access-control-allow-origin"), "https://ui.example.net");
  await using without = await startFakeApi();
  assert.equal(
    (await without.ask("GET", "/api/v1/user", { headers: { origin: "https://ui.example.net" } })).headers.get(
      "access-control-allow-origin",
    ),
    null,
  );
});

test("a bug is a bare 500, told to the log and to nobody else", async () => {
  const secret = new Error("token hskey-api-secret");
  await using api = await startFakeApi({
    status: () => {
      throw secret;
    },
  });
  const reply = await api.ask("GET", "/api/v1/status");
  assert.deepEqual([reply.status, reply.json.detail], [500, "internal error"]);
  assert.deepEqual(api.bugs, [secret]);
});

test("a sign of life is asked of a node that exists", async () => {
  await using api = await startFakeApi();
  assert.equal((await api.ask("POST", "/api/v1/node/1/ping")).status, 404);
  await api.ask("POST", "/api/v1/auth/register", {
    body: { user: "bob", authId: api.service.beginLogin("b", 1).id },
  });
  assert.deepEqual((await api.ask("POST", "/api/v1/node/1/ping")).json, { milliseconds: 7 });
});
