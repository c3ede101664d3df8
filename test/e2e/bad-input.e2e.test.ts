// Bad input and what it gets: a clear answer, no crash, no growth, and nobody else is harmed.

import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import type { TestClient } from "../support/client/control.ts";
import type { MapStream } from "../support/client/stream.ts";
import { TestGateway } from "../support/gateway.ts";

let gateway: TestGateway;
let ada: string;
let bystander: TestClient;
let undisturbed: MapStream;

before(async () => {
  gateway = await TestGateway.start();
  ada = await gateway.user("ada");
  bystander = await gateway.joined(ada);
  undisturbed = await bystander.up();
});
afterEach(() => {
  assert.ok(undisturbed.open, "somebody else's stream ended");
  assert.deepEqual(gateway.lost, []);
  assert.deepEqual(
    gateway.lines.filter((line) => line.includes('"level":"error"')),
    [],
  );
});
after(async () => {
  const findings = gateway.lint();
  await gateway.stop();
  assert.deepEqual(findings, []);
});

suite("bodies", () => {
  const bodies = [
    ["nothing", "", 400],
    ["no JSON", "{", 400],
    ["a list", "[]", 400],
    ["a string for a number", '{"Version":"142"}', 400],
    ["a number for a key", '{"Version":142,"NodeKey":7}', 400],
    ["a key that is none", '{"Version":142,"NodeKey":"nodekey:zz"}', 400],
    ["a Hostinfo that is none", `{"Version":142,"NodeKey":"nodekey:${"1".repeat(64)}","Hostinfo":7}`, 400],
    ["deep nesting", `${"[".repeat(50_000)}${"]".repeat(50_000)}`, 400],
    ["invalid UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
    ["more than 1 MiB", Buffer.alloc((1 << 20) + 1, 0x20), 413],
  ] as const;
  for (const [what, rawBody, status] of bodies) {
    test(`${what} gets ${status} with a text, at register and at map`, async () => {
      for (const ask of ["registerAnswer", "mapAnswer"] as const) {
        const client = await gateway.client();
        const answer = await client[ask]({ rawBody });
        assert.equal(answer.status, status, ask);
        assert.notEqual(answer.text.trim(), "", ask);
        assert.ok(!answer.text.includes("    at "), "a stack trace");
      }
    });
  }

  test("unknown paths and methods get a status, inside Noise as outside", async () => {
    const client = await gateway.client();
    assert.equal((await client.request({ method: "GET", path: "/machine/register" })).status, 405);
    assert.equal((await client.request({ method: "POST", path: "/machine/none", body: "" })).status, 404);
    assert.equal((await client.request({ method: "GET", path: "/metrics" })).status, 404);
    assert.equal((await client.plain("/metrics")).status, 404);
    assert.equal((await client.plain("/machine/register", { method: "POST", body: "{}" })).status, 404);
  });

  test("/key wants a version", async () => {
    for (const query of ["", "?v=", "?v=x", "?v=-1"])
      assert.equal((await bystander.plain(`/key${query}`)).status, 400, query);
    for (const query of ["?v=1", "?v=142"])
      assert.equal((await bystander.plain(`/key${query}`)).status, 200, query);
  });
});

suite("names", () => {
  const label = async (hostname: string): Promise<string> => {
    const client = await gateway.client({ hostname });
    const { key } = await gateway.preAuthKey({ user: ada });
    const answer = await client.register({ authKey: key });
    assert.equal(answer.MachineAuthorized, true, answer.Error);
    return gateway.nodeOf(client)?.name ?? "";
  };
  for (const [what, hostname] of [
    ["10,000 bytes", "a".repeat(10_000)],
    ["umlauts and emoji", "Schröder's 🖥 Mac"],
    ["only what no label may hold", "…🖥…"],
    ["nothing", ""],
    ["NUL and line ends", "a\0b\r\nc"],
    ["a path", "../../etc/passwd"],
    ["mark-up", "<script>alert(1)</script>"],
  ] as const) {
    test(`a hostname of ${what} becomes a label of 1 to 63 characters`, async () => {
      assert.match(await label(hostname), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    });
  }

  test("equal names are told apart by -1, -2, within 63 characters", async () => {
    assert.deepEqual(
      [await label("same"), await label("same"), await label("Same")],
      ["same", "same-1", "same-2"],
    );
    const long = "l".repeat(63);
    assert.equal(await label(long), long);
    const second = await label(long);
    assert.ok(second.length <= 63 && second !== long);
  });
});

suite("amounts", () => {
  test("of 5,000 endpoints the first hundred are kept", async () => {
    const client = await gateway.joined(ada);
    await client.up();
    const endpoints = Array.from({ length: 5000 }, (_, n) => `192.0.2.1:${n + 1}`);
    await client.lite({ endpoints });
    const id = gateway.nodeOf(client)?.id ?? 0;
    const netmap = await undisturbed.until((n) => (n.peers.get(id)?.Endpoints?.length ?? 0) > 0);
    assert.deepEqual(netmap.peers.get(id)?.Endpoints, endpoints.slice(0, 100));
  });

  test("endpoints that are none, regions beyond range and NULs never reach a peer", async () => {
    const client = await gateway.joined(ada);
    await client.up();
    const answer = await client.mapAnswer({
      omitPeers: true,
      endpoints: ["192.0.2.8:8", "nonsense", "1.2.3.4:99999", ""],
      hostinfo: { OS: "li\0nux", NetInfo: { PreferredDERP: 1 << 20 } },
    });
    assert.ok([200, 400].includes(answer.status));
    await client.lite({ endpoints: ["192.0.2.9:9"] });
    const id = gateway.nodeOf(client)?.id ?? 0;
    await undisturbed.until((n) => n.peers.get(id)?.Endpoints?.[0] === "192.0.2.9:9");
    for (const { text } of undisturbed.received) assert.ok(!/nonsense|99999|\\u0000|1048576/.test(text));
  });

  test("an exhausted range of addresses is told in Error, and spends no key", async () => {
    const small = await TestGateway.start({ config: { "prefixes.v4": "100.64.0.0/29", "prefixes.v6": "" } });
    try {
      const user = await small.user("ada");
      let last = "";
      let spent = "";
      for (let n = 0; n < 10 && last === ""; n++) {
        const { id, key } = await small.preAuthKey({ user });
        last = (await (await small.client()).register({ authKey: key })).Error ?? "";
        spent = id;
      }
      assert.match(last, /address/);
      const { preAuthKeys } = await small.ask("GET", "/api/v1/preauthkey");
      assert.equal(preAuthKeys.find((k: { id: string }) => k.id === spent).used, false);
    } finally {
      await small.stop();
    }
  });

  test("of 2,000 anonymous logins 1024 are kept, and a new one still begins", async () => {
    const client = await gateway.client();
    const begin = (n: number) =>
      client.register({ nodeKey: `nodekey:${(n + 1).toString(16).padStart(64, "0")}` });
    for (let n = 0; n < 2000; n += 50) await Promise.all(Array.from({ length: 50 }, (_, m) => begin(n + m)));
    assert.equal((await gateway.tailnet.logins.list()).length, 1024);
    assert.match((await (await gateway.client()).register()).AuthURL ?? "", /register/);
  });
});
