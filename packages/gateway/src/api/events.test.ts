import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeApi } from "@hydrascale/test/support/fake-api";
import type { FakeApi } from "@hydrascale/test/support/fake-api";
import type { AuditEntry } from "./events.ts";

const parse = (text: string): AuditEntry[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

async function events(api: FakeApi, query = ""): Promise<AuditEntry[]> {
  const reply = await api.ask("GET", `/api/v1/events${query}`);
  assert.equal(reply.headers.get("content-type"), "application/x-ndjson");
  return parse(reply.text);
}

async function register(api: FakeApi, name: string, n: number): Promise<void> {
  const login = api.service.beginLogin(name, n);
  await api.ask("POST", "/api/v1/auth/register", { body: { user: "alice", authId: login.id } });
}

test("the audit tells who did what and when, in order, one object a line", async () => {
  await using api = await startFakeApi();
  await register(api, "laptop", 1);
  await api.ask("DELETE", "/api/v1/node/1");
  const all = await events(api);
  assert.deepEqual(
    all.map((e) => e.kind),
    [
      "TailnetCreated",
      "SettingsChanged",
      "UserCreated",
      "UserCreated",
      "ApiKeyCreated",
      "NodeRegistered",
      "LoginCompleted",
      "NodeDeleted",
    ],
  );
  const last = all.at(-1);
  assert.deepEqual(
    { ...last, id: "" },
    {
      seq: 7,
      time: "2026-01-02T03:04:05.000Z",
      id: "",
      by: { kind: "api-key", prefix: api.apiKey.slice(0, 22) },
      kind: "NodeDeleted",
      summary: "node laptop (1) was deleted by an operator",
      event: { kind: "NodeDeleted", node: 1, reason: "admin" },
    },
  );
});

test("no hash and no key is in the audit", async () => {
  await using api = await startFakeApi();
  const made = await api.ask("POST", "/api/v1/preauthkey", { body: { user: "1" } });
  const { text } = await api.ask("GET", "/api/v1/events");
  for (const secret of [api.apiKey, made.json.preAuthKey.key])
    for (const form of [secret, api.service.hashKey(secret)]) assert.equal(text.includes(form), false);
  assert.ok(text.includes("ApiKeyCreated"));
});

test("since is a sequence, a time or an age; names known from before still count", async () => {
  await using api = await startFakeApi();
  await register(api, "laptop", 1);
  api.service.now += 3_600_000;
  await api.ask("POST", "/api/v1/node/1/rename/desk");
  const summary = "node laptop (1) was renamed to desk";
  for (const since of ["6", "2026-01-02T03:30:00Z", "10m"])
    assert.deepEqual(
      (await events(api, `?since=${since}`)).map((e) => e.summary),
      [summary],
      since,
    );
  assert.equal((await api.ask("GET", "/api/v1/events?since=yesterday")).status, 400);
});

test("kinds and nodes narrow it down; a node by id or by any name it had", async () => {
  await using api = await startFakeApi();
  await register(api, "laptop", 1);
  await register(api, "phone", 2);
  await api.ask("POST", "/api/v1/node/1/rename/desk");
  assert.deepEqual(
    (await events(api, "?kind=usercreated,NodeRenamed")).map((e) => e.kind),
    ["UserCreated", "UserCreated", "NodeRenamed"],
  );
  for (const node of ["1", "desk"])
    assert.deepEqual(
      (await events(api, `?node=${node}`)).map((e) => e.kind),
      ["NodeRegistered", "LoginCompleted", "NodeRenamed"],
    );
  const bad = await api.ask("GET", "/api/v1/events?kind=Nonsense");
  assert.equal(bad.status, 400);
  assert.match(bad.json.hint, /NodeRegistered/);
});

test("a void message is told as what it is", async () => {
  await using api = await startFakeApi();
  api.service.appendVoid();
  const last = (await events(api)).at(-1);
  assert.deepEqual([last?.kind, last?.by, last?.event], ["Void", null, null]);
});

test(
  "following delivers what happens from then on, and ends with the reader",
  { timeout: 10_000 },
  async () => {
    await using api = await startFakeApi();
    const over = new AbortController();
    const response = await fetch(`${api.url}/api/v1/events?follow=true&since=4`, {
      headers: { authorization: `Bearer ${api.apiKey}` },
      signal: over.signal,
    });
    assert.ok(response.body !== null);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const got: AuditEntry[] = [];
    const until = async (count: number): Promise<void> => {
      while (got.length < count) got.push(...parse((await reader.read()).value ?? ""));
    };
    await until(1);
    for (let n = 1; n <= 3; n++) {
      await register(api, `n${n}`, n);
      await until(1 + 2 * n);
    }
    assert.deepEqual(
      got.map((e) => e.kind),
      [
        "ApiKeyCreated",
        "NodeRegistered",
        "LoginCompleted",
        "NodeRegistered",
        "LoginCompleted",
        "NodeRegistered",
        "LoginCompleted",
      ],
    );
    assert.equal(api.service.listeners.size, 1);
    over.abort();
    await assert.rejects(reader.read());
    while (api.service.listeners.size > 0) await new Promise((resolve) => setImmediate(resolve));
  },
);
