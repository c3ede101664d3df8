// The command line against the API as it is, over a tailnet in memory: that both mean the same by every request.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeApi, type FakeApi } from "@hydrascale/test/support/fake-api";
import { runCli } from "./cli.ts";

async function run(
  api: FakeApi,
  line: string,
  input = "",
): Promise<{ status: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runCli(line.split(" "), {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    env: { HYDRASCALE_CLI_ADDRESS: api.url, HYDRASCALE_CLI_API_KEY: api.apiKey },
    cwd: "/nowhere",
    interactive: false,
    ask: () => Promise.resolve(undefined),
    input: () => Promise.resolve(input),
    signal: new AbortController().signal,
    now: () => api.service.now,
  });
  return { status, out: out.join(""), err: err.join("") };
}

/** Runs a line that must succeed, and gives what it printed as JSON. */
async function json(api: FakeApi, line: string, input = ""): Promise<ReturnType<typeof JSON.parse>> {
  const { status, out, err } = await run(api, `${line} --force -o json`, input);
  assert.equal(status, 0, `${line}: ${err}`);
  assert.equal(err, "", line);
  return JSON.parse(out);
}

test("users live through their commands", async () => {
  await using api = await startFakeApi();
  const made = await json(api, "users create zoe -d Zoe -e zoe@example.net");
  assert.equal(made.name, "zoe");
  assert.equal((await json(api, "users rename zoe -r zora")).name, "zora");
  assert.deepEqual(
    (await json(api, "users list -n zora")).map((user: { id: string }) => user.id),
    [made.id],
  );
  assert.deepEqual(await json(api, "users destroy -n zora"), {});
  const again = await run(api, "users destroy -i 99 --force");
  assert.equal(again.status, 4);
  assert.match(again.err, /^hydrascale: user 99: does not exist\n/);
  assert.equal((await run(api, "users create alice")).status, 5);
});

test("keys live through their commands", async () => {
  await using api = await startFakeApi();
  const key = await json(api, "preauthkeys create -u alice --reusable -e 1h");
  assert.match(key.key, /^hskey-auth-/);
  assert.equal(key.reusable, true);
  const listed = (await json(api, "preauthkeys list -u alice")).find((k: { id: string }) => k.id === key.id);
  assert.notEqual(listed.key, key.key);
  assert.deepEqual(await json(api, `preauthkeys expire -i ${key.id}`), {});
  assert.match((await run(api, "preauthkeys list")).out, new RegExp(`^${key.id} .*expired`, "m"));
  assert.deepEqual(await json(api, `preauthkeys delete -i ${key.id}`), {});
  const { apiKey } = await json(api, "apikeys create -e 0");
  assert.match(apiKey, /^hskey-api-/);
  const row = (await json(api, "apikeys list")).find((k: { prefix: string }) =>
    apiKey.startsWith(k.prefix.replace(/\*+$/, "")),
  );
  assert.equal(row.expiration, null);
  assert.deepEqual(await json(api, `apikeys expire -p ${row.prefix}`), {});
  assert.deepEqual(await json(api, `apikeys delete -i ${row.id}`), {});
  assert.match((await run(api, "preauthkeys create -u nobody")).err, /user "nobody": not found/);
});

test("a machine that waits is let in, and is then shown, renamed, expired and deleted by name", async () => {
  await using api = await startFakeApi();
  const login = api.service.beginLogin("Work-Horse", 1);
  assert.deepEqual(
    (await json(api, "auth list")).map((waiting: { authId: string }) => waiting.authId),
    [login.id],
  );
  const node = await json(api, `auth register --auth-id ${login.id} -u alice`);
  assert.equal(node.givenName, "work-horse");
  assert.match((await run(api, "nodes list")).out, /^\d+ +work-horse +Work-Horse +alice /m);
  assert.match((await run(api, "nodes show work-horse")).out, /^registered: +\S+ \S+ by cli$/m);
  assert.equal((await json(api, "nodes rename mule -i work-horse")).givenName, "mule");
  assert.equal((await json(api, "nodes approve-routes -i mule -r exit")).approvedRoutes.length, 2);
  assert.match((await run(api, "nodes list-routes")).out, /0\.0\.0\.0\/0, ::\/0/);
  assert.notEqual((await json(api, "nodes expire mule")).expiry, null);
  assert.equal((await json(api, "nodes expire mule -d")).expiry, null);
  const story = (await json(api, "events --node mule")).map((entry: { kind: string }) => entry.kind);
  assert.ok(story.includes("NodeRegistered") && story.includes("NodeRenamed"), story.join(" "));
  assert.deepEqual(await json(api, "nodes delete mule"), {});
  assert.equal((await run(api, "nodes show mule")).status, 4);
  const second = api.service.beginLogin("other", 2);
  assert.deepEqual(await json(api, `auth reject ${second.id}`), {});
  assert.equal((await run(api, `auth register ${second.id} -u alice`)).status, 5);
});

test("the policy comes back as it was sent, and a bad one is refused with its place", async () => {
  await using api = await startFakeApi();
  const policy = '{\n  // who\n  "acls": [],\n}\n';
  assert.equal((await json(api, "policy set -f -", policy)).policy, policy);
  assert.equal((await run(api, "policy get")).out, policy);
  assert.deepEqual(await json(api, "policy check -f -", policy), {});
  const bad = await run(api, "policy check -f -", "{nope");
  assert.equal(bad.status, 2);
  assert.match(bad.err, /^hydrascale: .*1:2/);
});

test("state, doctor and health print what the server reports", async () => {
  await using api = await startFakeApi();
  assert.match((await run(api, "status")).out, /├─ nodes: \d+, connected 0\n/);
  assert.deepEqual(await json(api, "doctor"), { findings: [] });
  assert.equal((await run(api, "health")).status, 0);
  assert.equal((await run(api, "events --since nonsense")).status, 2);
});
