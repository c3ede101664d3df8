import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, suite, test } from "node:test";
import { systemClock } from "@hydrascale/core/lib/clock";
import { handleDerpRoute } from "./routes.ts";
import { DerpServer } from "./server.ts";
import { handleVerify } from "./verify.ts";

const known = `nodekey:${"5a".repeat(32)}`;
const derp = new DerpServer({
  privateKey: new Uint8Array(32).fill(9),
  admit: () => true,
  clock: systemClock,
  counters: { add: () => {} },
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

suite("relay routes", () => {
  let server: Server;
  let port: number;
  before(async () => {
    server = createServer((req, res) => {
      if (handleDerpRoute(req, res)) return;
      if (req.url === "/verify")
        void handleVerify(req, res, async (key, source) => key === known && source === "192.0.2.1");
      else res.writeHead(404).end();
    });
    server.on("upgrade", (req, socket, head) => derp.upgrade(req, socket, head));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(async () => {
    await derp.close();
    server.close();
    server.closeAllConnections();
  });

  const ask = async (
    method: string,
    path: string,
    { headers = {}, body = "" }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> => {
    const req = request({ port, method, path, headers, agent: false });
    req.end(body);
    const [res] = await once(req, "response");
    let text = "";
    for await (const chunk of res) text += String(chunk);
    return { status: res.statusCode, headers: res.headers, body: text };
  };
  /** What comes back for raw bytes until the server closes. */
  const raw = async (...lines: readonly string[]): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  };

  test("the relay's path without an upgrade is 426", async () => {
    const answer = await ask("GET", "/derp");
    assert.equal(answer.status, 426);
    assert.match(answer.body, /requires connection upgrade/);
  });

  test("other upgrades, other methods and other subprotocols are refused with the reason", async () => {
    const host = "Host: relay.test";
    const upgrade = ["Connection: Upgrade", "Upgrade: h2c"];
    assert.match(await raw("GET /derp HTTP/1.1", host, ...upgrade), /^HTTP\/1\.1 426 /);
    assert.match(
      await raw("POST /derp HTTP/1.1", host, "Connection: Upgrade", "Upgrade: DERP"),
      /^HTTP\/1\.1 405 /,
    );
    const socket = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    assert.match(
      await raw("GET /derp HTTP/1.1", host, ...socket, key, "Sec-WebSocket-Protocol: chat"),
      /^HTTP\/1\.1 400 .*must be derp/s,
    );
  });

  test("probes answer GET and HEAD for every origin, nothing else", async () => {
    for (const path of ["/derp/probe", "/derp/latency-check?x=1"])
      for (const [method, status] of [
        ["GET", 200],
        ["HEAD", 200],
        ["POST", 405],
      ] as const) {
        const answer = await ask(method, path);
        assert.equal(answer.status, status);
        assert.equal(answer.headers["access-control-allow-origin"], "*");
      }
  });

  test("generate_204 echoes a challenge in the allowed form only", async () => {
    const echo = async (challenge: string): Promise<unknown> => {
      const answer = await ask("GET", "/generate_204", { headers: { "X-Tailscale-Challenge": challenge } });
      assert.equal(answer.status, 204);
      return answer.headers["x-tailscale-response"];
    };
    assert.equal(await echo("ts_10.0.0.7"), "response ts_10.0.0.7");
    assert.equal(await echo("a".repeat(65)), undefined);
    assert.equal(await echo("<script>"), undefined);
  });

  test("bootstrap-dns knows nobody", async () => {
    const answer = await ask("GET", "/bootstrap-dns?q=login.test");
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, {}]);
    assert.equal(answer.headers["content-type"], "application/json");
  });

  test("verify answers a clear question and refuses everything else", async () => {
    const verify = (body: unknown): Promise<Answer> =>
      ask("POST", "/verify", { body: typeof body === "string" ? body : JSON.stringify(body) });
    const yes = await verify({ NodePublic: known, Source: "192.0.2.1" });
    assert.deepEqual([yes.status, JSON.parse(yes.body)], [200, { Allow: true }]);
    assert.equal(yes.headers["content-type"], "application/json");
    const no = await verify({ NodePublic: known, Source: "192.0.2.2" });
    assert.deepEqual([no.status, JSON.parse(no.body)], [200, { Allow: false }]);
    for (const bad of [
      "",
      "nonsense",
      "null",
      "[]",
      {},
      { NodePublic: 7 },
      { NodePublic: "nodekey:00" },
      { NodePublic: `mkey:${"5a".repeat(32)}` },
      { NodePublic: known, Source: 7 },
    ])
      assert.equal((await verify(bad)).status, 400);
    assert.equal((await verify(`{"x":"${"y".repeat(5000)}"}`)).status, 413);
    assert.equal((await ask("GET", "/verify")).status, 405);
  });
});
