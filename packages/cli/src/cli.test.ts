import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { commands, runCli } from "./cli.ts";
import type { Command } from "./command.ts";
import { nodeJson, userJson } from "./answers.fixture.ts";

const now = Date.parse("2026-11-25T12:00:00Z");

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly headers: IncomingMessage["headers"];
}

type Answer = (request: Seen, response: ServerResponse, tries: number) => unknown;

interface Fake {
  readonly url: string;
  readonly seen: Seen[];
  /** Runs a command line, a person's or a script's. */
  run(
    line: string | readonly string[],
    more?: { answer?: string; env?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Run>;
}

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function collect(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const part of request) text += String(part);
  return text === "" ? undefined : JSON.parse(text);
}

async function run(
  line: string | readonly string[],
  env: Record<string, string>,
  more: Parameters<Fake["run"]>[1] = {},
): Promise<Run> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runCli(typeof line === "string" ? line.split(" ") : line, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    env: { ...env, ...more.env },
    cwd: "/nowhere",
    interactive: more.answer !== undefined,
    ask: (question) => {
      err.push(question);
      return Promise.resolve(more.answer);
    },
    input: () => Promise.resolve("{}"),
    signal: more.signal ?? new AbortController().signal,
    now: () => now,
  });
  return { status, out: out.join(""), err: err.join("") };
}

/** A server that answers by `METHOD path`; a missing answer is a 404 with a problem body. */
async function fake(t: TestContext, answers: Readonly<Record<string, Answer>>): Promise<Fake> {
  const seen: Seen[] = [];
  const tries = new Map<string, number>();
  const server = createServer((request, response) => {
    void collect(request).then((body) => {
      const { method = "", url = "", headers } = request;
      const one = { method, url, body, headers };
      seen.push(one);
      const key = `${method} ${url.split("?")[0]}`;
      const count = tries.get(key) ?? 0;
      tries.set(key, count + 1);
      const answer = answers[key];
      const value = answer?.(one, response, count);
      if (response.headersSent || response.destroyed) return;
      if (answer === undefined)
        response
          .writeHead(404)
          .end(JSON.stringify({ detail: "nothing is here", kind: "not-found", hint: "look elsewhere" }));
      else response.end(JSON.stringify(value));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { HYDRASCALE_CLI_ADDRESS: url, HYDRASCALE_CLI_API_KEY: "hskey-api-test" };
  return { url, seen, run: (line, more) => run(line, env, more) };
}

test("a table for people, and the API's objects for machines, are printed of the same list", async (t) => {
  const server = await fake(t, { "GET /api/v1/user": () => ({ users: [userJson] }) });
  assert.deepEqual(await server.run("users list"), {
    status: 0,
    out: "ID  NAME  DISPLAY NAME  EMAIL             CREATED\n1   mira  Mira          mira@example.com  2026-11-20 08:00:00\n",
    err: "",
  });
  assert.deepEqual(JSON.parse((await server.run("users ls -o json")).out), [userJson]);
  assert.equal((await server.run("users --output=json-line list")).out, `${JSON.stringify([userJson])}\n`);
  assert.match((await server.run("user list -oyaml")).out, /^- id: "1"\n {2}name: mira\n/);
  assert.equal(server.seen[0]?.headers.authorization, "Bearer hskey-api-test");
});

test("an empty list is an empty JSON list", async (t) => {
  const server = await fake(t, { "GET /api/v1/node": () => ({ nodes: [] }) });
  assert.equal((await server.run("nodes list -o json")).out, "[]\n");
});

test("nodes are shown with owner, addresses, presence and expiry", async (t) => {
  const tagged = {
    ...nodeJson,
    id: "2",
    givenName: "db",
    name: "db",
    tags: ["tag:db"],
    online: false,
    lastSeen: "2026-11-25T10:00:00Z",
    expiry: null,
  };
  const server = await fake(t, { "GET /api/v1/node": () => ({ nodes: [nodeJson, tagged] }) });
  assert.equal(
    (await server.run("nodes ls -u mira")).out,
    [
      "ID  NAME    HOSTNAME  OWNER   ADDRESSES            SEEN    KEY EXPIRES",
      "1   laptop  Laptop    mira    100.64.0.1, fd7a::1  online  in 3d",
      "2   db      db        tag:db  100.64.0.1, fd7a::1  2h ago  never",
      "",
    ].join("\n"),
  );
  assert.equal(server.seen[0]?.url, "/api/v1/node?user=mira");
});

test("a hostname with control characters cannot play with the terminal", async (t) => {
  const server = await fake(t, {
    "GET /api/v1/node": () => ({ nodes: [{ ...nodeJson, name: "a\u001b[2Jb\nc" }] }),
  });
  const { out } = await server.run("nodes list");
  assert.equal(out.split("\n").length, 3);
  assert.ok(!out.includes("\u001b"));
});

test("what is asked for reaches the server as headscale's clients send it", async (t) => {
  const server = await fake(t, {
    "GET /api/v1/node": () => ({ nodes: [nodeJson] }),
    "GET /api/v1/user": () => ({ users: [userJson] }),
    "POST /api/v1/user": () => ({ user: userJson }),
    "POST /api/v1/user/1/rename/mo": () => ({ user: userJson }),
    "POST /api/v1/preauthkey": () => ({ preAuthKey: { key: "hskey-auth-k" } }),
    "POST /api/v1/apikey": () => ({ apiKey: "hskey-api-k" }),
    "POST /api/v1/node/1/tags": () => ({ node: nodeJson }),
    "POST /api/v1/node/1/expire": () => ({ node: nodeJson }),
    "POST /api/v1/node/1/rename/new": () => ({ node: nodeJson }),
    "POST /api/v1/node/1/approve_routes": () => ({ node: nodeJson }),
    "POST /api/v1/auth/register": () => ({ node: nodeJson }),
    "POST /api/v1/node/register": () => ({ node: nodeJson }),
    "DELETE /api/v1/apikey/hskey-api-0123-***": () => ({}),
    "DELETE /api/v1/preauthkey": () => ({}),
  });
  const lines: readonly [string | readonly string[], string, unknown][] = [
    [
      "users create mira -d Mira -e m@x",
      "POST /api/v1/user",
      { name: "mira", displayName: "Mira", email: "m@x", pictureUrl: "" },
    ],
    ["users rename -n mira -r mo", "POST /api/v1/user/1/rename/mo", {}],
    [
      "preauthkeys create -u mira --reusable -e 2h",
      "POST /api/v1/preauthkey",
      { user: "mira", reusable: true, ephemeral: false, aclTags: [], expiration: "2026-11-25T14:00:00.000Z" },
    ],
    [
      "pre create --tags tag:a,tag:b --tags tag:c -e 0 --ephemeral",
      "POST /api/v1/preauthkey",
      { reusable: false, ephemeral: true, aclTags: ["tag:a", "tag:b", "tag:c"] },
    ],
    ["apikeys create", "POST /api/v1/apikey", { expiration: "2027-02-23T12:00:00.000Z" }],
    ["nodes tag -i laptop -t tag:x", "POST /api/v1/node/1/tags", { tags: ["tag:x"] }],
    ["nodes expire -i 1", "POST /api/v1/node/1/expire", {}],
    ["nodes expire 1 -d", "POST /api/v1/node/1/expire", { disableExpiry: true }],
    [
      "nodes expire -i1 -e 2027-01-01T00:00:00Z",
      "POST /api/v1/node/1/expire",
      { expiry: "2027-01-01T00:00:00.000Z" },
    ],
    ["nodes rename new -i 1", "POST /api/v1/node/1/rename/new", {}],
    [
      "nodes approve-routes -i 1 -r 10.0.0.0/24,exit",
      "POST /api/v1/node/1/approve_routes",
      { routes: ["10.0.0.0/24", "0.0.0.0/0", "::/0"] },
    ],
    [["nodes", "approve-routes", "-i", "1", "-r", ""], "POST /api/v1/node/1/approve_routes", { routes: [] }],
    [
      "auth register --auth-id hskey-authreq-a -u mira",
      "POST /api/v1/auth/register",
      { user: "mira", authId: "hskey-authreq-a" },
    ],
    [
      "nodes register -k hskey-authreq-a -u mira",
      "POST /api/v1/node/register?user=mira&key=hskey-authreq-a",
      {},
    ],
    ["apikeys delete -p hskey-api-0123-*** --force", "DELETE /api/v1/apikey/hskey-api-0123-***", undefined],
    ["preauthkeys delete --force -i 4", "DELETE /api/v1/preauthkey?id=4", undefined],
  ];
  for (const [line, request, body] of lines) {
    const { status, err } = await server.run(line);
    assert.equal(status, 0, `${String(line)}: ${err}`);
    const last = server.seen.at(-1);
    assert.equal(`${last?.method} ${decodeURIComponent(last?.url ?? "")}`, request);
    assert.deepEqual(last?.body, body, String(line));
  }
});

test("a key just made is all of standard output", async (t) => {
  const server = await fake(t, {
    "POST /api/v1/preauthkey": () => ({ preAuthKey: { id: "1", key: "hskey-auth-k" } }),
    "POST /api/v1/apikey": () => ({ apiKey: "hskey-api-k" }),
  });
  assert.equal((await server.run("preauthkeys create -u 1")).out, "hskey-auth-k\n");
  assert.equal((await server.run("apikeys create")).out, "hskey-api-k\n");
  assert.deepEqual(JSON.parse((await server.run("apikeys create -o json")).out), { apiKey: "hskey-api-k" });
});

test("what the server says is wrong goes to standard error with its hint, and the status follows its kind", async (t) => {
  const server = await fake(t, {
    "GET /api/v1/user": (_, response) => response.writeHead(500).end("<html>oops"),
    "GET /api/v1/apikey": (_, response) => response.writeHead(401).end('{"detail":"Unauthorized"}'),
    "GET /api/v1/policy": (_, response) => response.writeHead(200).end("<html>"),
  });
  assert.deepEqual(await server.run("nodes show 7 -o json"), {
    status: 4,
    out: "",
    err: "hydrascale: nothing is here\n  look elsewhere\n",
  });
  assert.deepEqual(await server.run("users list"), {
    status: 1,
    out: "",
    err: "hydrascale: the server answered 500 without a reason\n  report it with the log lines around it\n",
  });
  assert.equal((await server.run("apikeys list")).status, 3);
  assert.match((await server.run("policy get")).err, /the answer is not JSON/);
});

test("a change whose outcome is unknown is repeated with the same key until it is known", async (t) => {
  const server = await fake(t, {
    "POST /api/v1/user": (_, response, tries) => {
      if (tries === 0) return response.destroy();
      if (tries === 1) return response.writeHead(503).end("{}");
      return { user: userJson };
    },
  });
  const { status, out } = await server.run("users create mira");
  assert.equal(status, 0);
  assert.equal(out, "user mira created with id 1\n");
  const keys = server.seen.map((request) => request.headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.match(String(keys[0]), /^[A-Za-z0-9_-]{16,64}$/);
});

test("nothing is deleted without a yes", async (t) => {
  const server = await fake(t, {
    "GET /api/v1/node": () => ({ nodes: [nodeJson] }),
    "DELETE /api/v1/node/1": () => ({}),
  });
  const script = await server.run("nodes delete laptop");
  assert.equal(script.status, 2);
  assert.match(
    script.err,
    /nobody is there to be asked: Delete node laptop \(id 1\)\?\n {2}repeat with --force\n$/,
  );
  assert.equal((await server.run("nodes delete laptop", { answer: "n" })).status, 5);
  assert.ok(server.seen.every((request) => request.method === "GET"));
  assert.equal(
    (await server.run("nodes delete laptop", { answer: "y" })).out,
    "node laptop (id 1) deleted\n",
  );
  assert.equal((await server.run("nodes delete -i 1 --force -o json")).out, "{}\n");
});

test("names that do not exist get the nearest one", async (t) => {
  const server = await fake(t, { "GET /api/v1/node": () => ({ nodes: [nodeJson] }) });
  const { status, err } = await server.run("nodes expire -i laptpo");
  assert.equal(status, 4);
  assert.equal(err, "hydrascale: node laptpo: does not exist\n  did you mean laptop?\n");
});

test("events are lines for people, a list or lines for machines, and following ends with the signal", async (t) => {
  const entries = [
    {
      seq: 3,
      time: "2026-11-25T11:00:00Z",
      id: "a",
      by: { kind: "local", name: "unix socket" },
      kind: "UserCreated",
      summary: "user mira (1) created",
      event: {},
    },
    {
      seq: 4,
      time: "2026-11-25T11:00:01Z",
      id: "b",
      by: null,
      kind: "Void",
      summary: "message 4 is void",
      event: null,
    },
  ];
  const server = await fake(t, {
    "GET /api/v1/events": ({ url }, response) => {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.write(`${JSON.stringify(entries[0])}\n\n`);
      response.write(`${JSON.stringify(entries[1])}\n`);
      if (!url.includes("follow")) response.end();
    },
  });
  const people = await server.run("events --since 2 --kind UserCreated,Void --node laptop");
  assert.equal(
    people.out,
    "2026-11-25 11:00:00       3  local unix socket: user mira (1) created\n2026-11-25 11:00:01       4  -: message 4 is void\n",
  );
  assert.equal(server.seen[0]?.url, "/api/v1/events?since=2&kind=UserCreated%2CVoid&node=laptop");
  assert.deepEqual(JSON.parse((await server.run("events -o json")).out), entries);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 100);
  const followed = await server.run("events -f -o json-line", { signal: stop.signal });
  assert.deepEqual(followed, {
    status: 0,
    out: entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""),
    err: "",
  });
});

test("the doctor's errors are its exit status, and a node's silence is one", async (t) => {
  const findings = [
    { level: "ok", subject: "store", message: "fsync is on" },
    { level: "warning", subject: "dns", message: "no nameservers", hint: "set some" },
  ];
  const server = await fake(t, {
    "GET /api/v1/doctor": () => ({ findings }),
    "POST /api/v1/node/1/ping": () => ({ milliseconds: 12.4 }),
    "POST /api/v1/node/2/ping": (_, response) =>
      response.writeHead(409).end('{"detail":"node 2: is not connected","kind":"precondition"}'),
  });
  assert.equal(
    (await server.run("doctor")).out,
    "ok       store: fsync is on\nwarning  dns: no nameservers\n         set some\n",
  );
  const good = await server.run("doctor --node 1");
  assert.equal(good.status, 0);
  assert.match(good.out, /ok {7}node 1: answered after 12 ms\n$/);
  const bad = await server.run("doctor --node 2");
  assert.equal(bad.status, 8);
  assert.match(bad.out, /ERROR {4}node 2: node 2: is not connected/);
});

test("without a server it says how to start one", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hs-cli-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const line of [
    ["nodes", "list", "--dir", dir],
    ["--dir", dir, "nodes", "list"],
  ]) {
    const { status, out, err } = await run(line, { HYDRASCALE_CLI_ADDRESS: "http://127.0.0.1:1" });
    assert.equal(status, 7);
    assert.equal(out, "");
    assert.match(
      err,
      new RegExp(
        `^hydrascale: no server is running on ${dir}/hydrascale.sock\n  start one with \`hydrascale up\``,
      ),
    );
  }
  const remote = await run("nodes list --address http://127.0.0.1:1", {});
  assert.equal(remote.status, 3);
  assert.match(remote.err, /needs an API key/);
});

test("the local socket needs no key", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hs-cli-"));
  const server = createServer((request, response) =>
    response.end(JSON.stringify({ users: [], key: request.headers.authorization })),
  );
  await new Promise<void>((resolve) => server.listen(join(dir, "hydrascale.sock"), resolve));
  t.after(() => {
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  assert.deepEqual(await run("users list -o json-line", { HYDRASCALE_DIR: dir }), {
    status: 0,
    out: "[]\n",
    err: "",
  });
});

test("command lines that make no sense are refused with the nearest sense", async () => {
  const wrong: readonly [string, RegExp][] = [
    ["nods list", /^hydrascale: nods: there is no such command\n {2}did you mean `hydrascale nodes`\?\n$/],
    ["nodes lst", /did you mean `hydrascale nodes list`\?/],
    ["nodes", /needs a command/],
    ["nodes list --usr x", /--usr: there is no such flag\n {2}did you mean --user\?/],
    ["nodes list -z", /-z: there is no such flag/],
    ["nodes list extra", /extra: one word too many/],
    ["nodes list -o xml", /--output xml: is not one of json, json-line, yaml/],
    ["nodes show", /node: is missing/],
    ["nodes show -i 1 2", /named twice/],
    ["nodes expire -i 1 -d -e 2027-01-01T00:00:00Z", /contradict each other/],
    ["nodes expire -i 1 -e tomorrow", /is not a time/],
    ["apikeys expire -i 1 -p x", /named more than once/],
    ["preauthkeys create", /owner: is missing/],
    ["preauthkeys create -u 1 -e soon", /--expiration soon: must be a duration/],
    ["users list -n", /-n: needs a value/],
    ["policy set -f /no/such/file", /cannot be read \(ENOENT\)/],
    ["completion tcsh", /no such shell/],
  ];
  for (const [line, pattern] of wrong) {
    const { status, out, err } = await run(line, {});
    assert.equal(status, 2, line);
    assert.equal(out, "", line);
    assert.match(err, pattern);
    assert.doesNotMatch(err, /\n\s+at /);
  }
});

test("a configuration is checked whole", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hs-cli-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "config.yaml");
  writeFileSync(file, "server_url: http://hs.example.com\nlistenaddr: x\n");
  const bad = await run(["configtest", "-c", file], {});
  assert.equal(bad.status, 2);
  assert.match(
    bad.err,
    /config\.yaml:2: listenaddr: there is no such setting\n {2}did you mean listen_addr\?/,
  );
  assert.match(bad.err, /plain http works only/);
  writeFileSync(file, "server_url: https://hs.example.com\n");
  assert.equal((await run(["configtest", "-c", file], {})).out, "the configuration is valid\n");
  assert.match(
    (await run(["configtest", "--print-config"], { HYDRASCALE_CONFIG: file })).out,
    /^server_url: https:\/\/hs\.example\.com\n/,
  );
});

test("completion knows commands, flags and the values of flags", async () => {
  const complete = async (...words: string[]): Promise<string> =>
    (await run(["__complete", ...words], {})).out;
  assert.match(await complete(""), /^up\ngateway\nprojector\nusers\nnodes\n/);
  assert.equal(await complete("nodes", "r"), "register\nrename\n");
  assert.equal(await complete("node", "list", "--us"), "--user\n");
  assert.equal(await complete("nodes", "list", "-o", "j"), "json\njson-line\n");
  for (const shell of ["bash", "zsh", "fish"])
    assert.match((await run(["completion", shell], {})).out, /__complete/);
});

test("every command has help, and no two commands of a level share a name", async () => {
  const visit = async (level: readonly Command[], path: readonly string[]): Promise<void> => {
    const names = level.flatMap((c) => [c.name, ...c.aliases]);
    assert.equal(new Set(names).size, names.length, names.join(" "));
    for (const command of level) {
      if (command.kind === "raw") continue;
      const { status, out } = await run([...path, command.name, "--help"], {});
      assert.equal(status, 0);
      assert.match(out, new RegExp(`^hydrascale ${[...path, command.name].join(" ")}: `));
      if (command.kind === "group") await visit(command.commands, [...path, command.name]);
    }
  };
  await visit(commands, []);
});
