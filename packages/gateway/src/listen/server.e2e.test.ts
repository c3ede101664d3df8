import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { generate } from "selfsigned";
import { systemClock } from "@hydrascale/core/lib/clock";
import { eventually, within } from "@hydrascale/test/contract/http2-client";
import { fetchPlain } from "@hydrascale/test/support/client/control";
import type { UpgradeTable } from "./route.ts";
import { listen } from "./server.ts";
import type { ListenLimits, Listener, TlsMaterial } from "./server.ts";

const upgrades: UpgradeTable = {
  "/echo": {
    upgrade: (_request, socket, head) => {
      socket.on("error", () => socket.destroy());
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n");
      socket.write(head);
      socket.pipe(socket);
    },
    plain: (_request, response) => response.writeHead(426).end(),
  },
};

async function start(
  limits: Partial<ListenLimits> = {},
  tls?: TlsMaterial,
): Promise<{ listener: Listener; dropped: Map<string, number> }> {
  const dropped = new Map<string, number>();
  const started = await listen({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    upgrades,
    limits,
    ...(tls === undefined ? {} : { tls }),
    counters: {
      inc: (_name, labels) =>
        dropped.set(labels?.["reason"] ?? "", (dropped.get(labels?.["reason"] ?? "") ?? 0) + 1),
    },
    handler: (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () =>
        response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).length}`),
      );
    },
  });
  assert.ok(started.ok);
  return { listener: started.value, dropped };
}

const certificate = async (name: string): Promise<TlsMaterial> => {
  const pems = await generate([{ name: "commonName", value: name }], { keyType: "ec", curve: "P-256" });
  return { cert: pems.cert, key: pems.private };
};

const dial = (listener: Listener): Socket => {
  const socket = connect(listener.address.port, "127.0.0.1");
  socket.on("error", () => undefined);
  return socket;
};

const closes = (socket: Socket): Promise<void> =>
  within(
    4000,
    "the close",
    new Promise((resolve) => {
      socket.resume();
      socket.once("close", () => resolve());
    }),
  );

const url = (listener: Listener, path: string, scheme = "http"): URL =>
  new URL(path, `${scheme}://127.0.0.1:${listener.address.port}`);

suite("one port", () => {
  let listener: Listener;
  before(async () => {
    ({ listener } = await start({}, await certificate("first")));
  });
  after(() => listener.close(0));

  test("answers plain HTTP and TLS, bodies included", async () => {
    for (const scheme of ["http", "https"]) {
      const body = "x".repeat(300_000);
      const answer = await fetchPlain(url(listener, "/a?b", scheme), { method: "POST", body });
      assert.equal(answer.text, "POST /a?b 300000");
    }
  });

  test("upgrades over both, whatever the first bytes' cut", async () => {
    const request = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly ";
    const port = listener.address.port;
    for (const open of [
      () => connect(port, "127.0.0.1"),
      () => connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }),
    ]) {
      const socket = open();
      let got = "";
      socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      socket.setNoDelay(true);
      socket.write(request.slice(0, 1));
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(`${request.slice(1)}late`);
      await eventually("the echo", () => got.endsWith("early late"));
      assert.match(got, /^HTTP\/1\.1 101 /);
      socket.destroy();
    }
  });

  test("TLS speaks HTTP/1.1 only, since both upgrades need it", async () => {
    const tls = connectTls({
      port: listener.address.port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
    });
    await within(2000, "the handshake", new Promise((resolve) => tls.once("secureConnect", resolve)));
    assert.equal(tls.alpnProtocol, "http/1.1");
    tls.destroy();
  });

  test("an upgrade path answers an ordinary request, and an unknown upgrade is an ordinary request", async () => {
    assert.equal((await fetchPlain(url(listener, "/echo"))).status, 426);
    const socket = dial(listener);
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
    socket.write("GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n");
    await closes(socket);
    assert.match(got, /^HTTP\/1\.1 200 OK\r\n[^]*GET \/x 0/);
  });

  test("a certificate is exchanged while it runs, and a bad one changes nothing", async () => {
    const subject = async (): Promise<string> => {
      const tls = connectTls({ port: listener.address.port, host: "127.0.0.1", rejectUnauthorized: false });
      await within(2000, "the handshake", new Promise((resolve) => tls.once("secureConnect", resolve)));
      const { CN } = tls.getPeerCertificate().subject;
      tls.destroy();
      return CN;
    };
    assert.equal(await subject(), "first");
    const [second, third] = [await certificate("second"), await certificate("third")];
    assert.ok(listener.setTls(second).ok);
    assert.equal(await subject(), "second");
    const bad = listener.setTls({ cert: second.cert, key: third.key });
    assert.ok(!bad.ok);
    assert.equal(bad.error.code, "setup");
    assert.ok(!bad.error.message.includes("PRIVATE"));
    assert.equal(await subject(), "second");
  });

  test("a port in use is a problem that names the setting", async () => {
    const { port } = listener.address;
    const again = await listen({
      host: "127.0.0.1",
      port,
      handler: () => undefined,
      upgrades: {},
      clock: systemClock,
    });
    assert.ok(!again.ok);
    assert.equal(again.error.message, `listen_addr 127.0.0.1:${port}: the port is in use`);
    assert.match(again.error.hint ?? "", /listen_addr/);
  });

  test("an address of another machine is one too", async () => {
    const other = await listen({
      host: "192.0.2.1",
      port: 0,
      handler: () => undefined,
      upgrades: {},
      clock: systemClock,
      setting: "metrics_listen_addr",
    });
    assert.ok(!other.ok);
    assert.match(other.error.message, /^metrics_listen_addr 192\.0\.2\.1:0: /);
  });
});

suite("clients that do not get on", () => {
  const headMs = 300;

  test("silence, half a head and half a TLS handshake end at the deadline", async () => {
    const { listener, dropped } = await start({ headMs }, await certificate("x"));
    const starts = ["", "G", "GET / HTTP/1.1\r\nHost: x\r\n", "\x16\x03\x01\x02\x00"];
    const began = performance.now();
    await Promise.all(
      starts.map((bytes) => {
        const socket = dial(listener);
        socket.write(Buffer.from(bytes, "latin1"));
        return closes(socket);
      }),
    );
    assert.ok(performance.now() - began < headMs + 1500);
    assert.equal(dropped.get("deadline"), starts.length);
    await listener.close(0);
  });

  test("at the limit the oldest half-open connection goes, and an honest one is served", async () => {
    const { listener, dropped } = await start({ halfOpen: 50, headMs: 60_000 });
    const silent = Array.from({ length: 200 }, () => dial(listener));
    await eventually("the evictions", () => dropped.get("limit") === 150);
    assert.equal((await fetchPlain(url(listener, "/"))).status, 200);
    assert.equal(dropped.get("limit"), 151);
    for (const socket of silent) socket.destroy();
    await listener.close(0);
  });

  test("a TLS client without a certificate here, and bytes that are neither, are hung up on", async () => {
    const { listener } = await start();
    const tls = dial(listener);
    tls.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]));
    await closes(tls);
    const noise = dial(listener);
    let got = "";
    noise.on("data", (chunk: Buffer) => (got += chunk.toString()));
    noise.write(Buffer.from([0, 255, 1, 2, 3, 13, 10, 13, 10]));
    await closes(noise);
    assert.match(got, /^HTTP\/1\.1 400 /);
    const large = dial(listener);
    large.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`);
    await closes(large);
    assert.equal((await fetchPlain(url(listener, "/"))).status, 200);
    await listener.close(0);
  });

  test("closing ends idle, half-open and upgraded connections after the grace", async () => {
    const { listener } = await start();
    const silent = dial(listener);
    const upgraded = dial(listener);
    upgraded.write("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    await within(2000, "the upgrade", new Promise((resolve) => upgraded.once("data", resolve)));
    const ends = Promise.all([closes(silent), closes(upgraded)]);
    await within(3000, "the listener's end", listener.close(100));
    await ends;
    await assert.rejects(fetchPlain(url(listener, "/")), /ECONNREFUSED/);
  });
});
