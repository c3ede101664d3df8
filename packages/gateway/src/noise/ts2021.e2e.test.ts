// The control transport on loopback, with a trivial handler behind it: what a hostile or odd client gets.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { after, before, suite, test } from "node:test";
import { WebSocket } from "ws";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import { systemClock } from "@hydrascale/core/lib/clock";
import { rawKey } from "@hydrascale/core/wire/keys";
import { initiate } from "@hydrascale/core/wire/noise/handshake";
import { RecordOpener, RecordSealer } from "@hydrascale/core/wire/noise/record";
import { TestClient } from "@hydrascale/test/support/client/control";
import { newMachineKey } from "@hydrascale/test/support/client/keys";
import { dialUpgrade, readHandshakeFrame } from "@hydrascale/test/support/client/noise-link";
import { frame, headersFrame, preface } from "@hydrascale/test/contract/http2-pair";
import { eventually, within } from "@hydrascale/test/contract/http2-client";
import { nodeHttp2 } from "../http2/node-http2.ts";
import { listen } from "../listen/server.ts";
import type { Listener } from "../listen/server.ts";
import { Ts2021 } from "./ts2021.ts";
import type { NoisePeer } from "./ts2021.ts";

const handshakeMs = 1000;
const halfOpen = 50;

const server = nodeSuite.generate();
const counts = new Map<string, number>();
const peers: NoisePeer[] = [];
let listener: Listener;
let ts2021: Ts2021;
let url = "";

const count = (name: string): number => counts.get(name) ?? 0;

before(async () => {
  ts2021 = new Ts2021({
    suite: nodeSuite,
    serverPrivate: server,
    http2: nodeHttp2(systemClock),
    clock: systemClock,
    handshakeMs,
    halfOpen,
    counters: {
      inc: (name, labels) => {
        const key = `${name} ${Object.values(labels ?? {}).join(" ")}`;
        counts.set(key, count(key) + 1);
      },
    },
    handler: (request, response, peer) => {
      peers.push(peer);
      response.respond(200, { "x-machine": peer.machineKey, "x-version": String(peer.version) });
      response.end(request.body);
    },
  });
  const started = await listen({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    upgrades: { "/ts2021": ts2021.route },
    handler: (_request, response) =>
      response.end(JSON.stringify({ publicKey: `mkey:${Buffer.from(server.publicKey).toString("hex")}` })),
  });
  assert.ok(started.ok);
  listener = started.value;
  url = `http://127.0.0.1:${listener.address.port}`;
});

after(async () => {
  ts2021.close();
  await listener.close(0);
});

const begin = (version = 142): ReturnType<typeof initiate> =>
  initiate({
    suite: nodeSuite,
    version,
    machinePrivate: newMachineKey().secret,
    serverPublic: server.publicKey,
  });

/** All that `socket` gives until it is closed. */
function drain(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => undefined);
  if (socket.closed) return Promise.resolve(Buffer.alloc(0));
  socket.resume();
  return within(
    3000,
    "the close",
    new Promise((resolve) => socket.once("close", () => resolve(Buffer.concat(chunks)))),
  );
}

/** Sends `head` as it is and answers everything up to the close. */
function raw(head: string): Promise<string> {
  const socket = connect(listener.address.port, "127.0.0.1");
  socket.write(head);
  return drain(socket).then((bytes) => bytes.toString("latin1"));
}

/** A connection after its handshake, with the record layer in the test's hands. */
async function records(): Promise<{ socket: Duplex; seal: RecordSealer; open: RecordOpener; rest: Buffer }> {
  const handshake = begin();
  const { socket, head } = await dialUpgrade(url, handshake.initiation);
  const { frame, rest } = await readHandshakeFrame(socket, head);
  const keys = handshake.finish(frame);
  assert.ok(keys.ok);
  return {
    socket,
    rest,
    seal: new RecordSealer(nodeSuite, keys.value.sendKey),
    open: new RecordOpener(nodeSuite, keys.value.receiveKey),
  };
}

/** Cuts what is written to `socket` by `cut`. */
function cutting(socket: Duplex, cut: (left: number) => number): Duplex {
  const through = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      for (let at = 0; at < chunk.length;) {
        const size = cut(chunk.length - at);
        socket.write(chunk.subarray(at, at + size));
        at += size;
      }
      done();
    },
    final: (done) => {
      socket.end();
      done();
    },
    destroy: (failure, done) => {
      socket.destroy();
      done(failure);
    },
  });
  socket.on("data", (chunk: Buffer) => {
    if (!through.push(chunk)) socket.pause();
  });
  socket.on("end", () => through.push(null));
  socket.on("close", () => through.destroy());
  socket.on("error", () => through.destroy());
  return through;
}

async function works(client: TestClient, size = 100_000): Promise<void> {
  const body = randomBytes(size);
  const answer = await client.request({ path: "/echo", body });
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(body));
  assert.equal(answer.headers["x-machine"], client.machine.text);
}

suite("upgrades that are none", () => {
  const upgrade = "Connection: upgrade\r\nUpgrade: tailscale-control-protocol\r\n";
  const cases: readonly (readonly [string, string])[] = [
    ["no Upgrade header", "POST /ts2021 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"],
    ["a GET without Upgrade", "GET /ts2021 HTTP/1.1\r\nHost: x\r\n"],
    ["another Upgrade", "POST /ts2021 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"],
    ["a GET", `GET /ts2021 HTTP/1.1\r\nHost: x\r\n${upgrade}X-Tailscale-Handshake: AAAA\r\n`],
    ["no handshake header", `POST /ts2021 HTTP/1.1\r\nHost: x\r\n${upgrade}`],
    ["an empty one", `POST /ts2021 HTTP/1.1\r\nHost: x\r\n${upgrade}X-Tailscale-Handshake: \r\n`],
    ["one that is not base64", `POST /ts2021 HTTP/1.1\r\nHost: x\r\n${upgrade}X-Tailscale-Handshake: ?!\r\n`],
    [
      "two of them",
      `POST /ts2021 HTTP/1.1\r\nHost: x\r\n${upgrade}X-Tailscale-Handshake: AAAA\r\nX-Tailscale-Handshake: AAAA\r\n`,
    ],
  ];
  for (const [what, head] of cases)
    test(`${what}: 400 with a text, and the connection ends`, async () => {
      const answer = await raw(`${head}\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.ok((answer.split("\r\n\r\n")[1] ?? "").length > 10, answer);
    });
});

suite("bad handshakes", () => {
  const mangled: readonly (readonly [string, (initiation: Buffer) => Buffer])[] = [
    ["truncated", (i) => i.subarray(0, 100)],
    ["too long", (i) => Buffer.concat([i, Buffer.alloc(1)])],
    ["of another type", (i) => Buffer.concat([i.subarray(0, 2), Buffer.from([4]), i.subarray(3)])],
    ["with another length", (i) => Buffer.concat([i.subarray(0, 4), Buffer.from([97]), i.subarray(5)])],
    ["of one byte", (i) => i.subarray(0, 1)],
  ];
  for (const [what, mangle] of mangled)
    test(`an initiation ${what}: an error frame after the 101, then the end`, async () => {
      const { socket, head } = await dialUpgrade(url, mangle(Buffer.from(begin().initiation)));
      const bytes = Buffer.concat([head, await drain(socket)]);
      assert.equal(bytes[0], 3);
      assert.equal(bytes.readUInt16BE(1), bytes.length - 3);
    });

  test("an initiation that is not authentic: the end, without a word after the 101", async () => {
    const flipped = [10, 40, 90].map((at) => {
      const bad = Buffer.from(begin().initiation);
      bad[at]! ^= 1;
      return bad;
    });
    const version = Buffer.from(begin(142).initiation);
    version.writeUInt16BE(141, 0); // mixed into the prologue
    for (const bad of [...flipped, version]) {
      const { socket, head } = await dialUpgrade(url, bad);
      assert.equal(Buffer.concat([head, await drain(socket)]).length, 0);
    }
    assert.equal(count("noise_failed rejected"), 4);
  });

  test("a replayed initiation gives its sender nothing and is ended at the deadline", async () => {
    const handshake = begin();
    const first = await dialUpgrade(url, handshake.initiation);
    const replay = await dialUpgrade(url, handshake.initiation);
    const before = peers.length;
    const began = performance.now();
    await Promise.all([drain(first.socket), drain(replay.socket)]);
    assert.ok(performance.now() - began < handshakeMs + 1500);
    assert.equal(peers.length, before);
  });

  test("an old version completes: refusing it is for those who can say why", async () => {
    const client = await TestClient.create({ url, capver: 39 });
    const answer = await client.request({ path: "/", body: "" });
    assert.equal(answer.headers["x-version"], "39");
    client.close();
  });
});

suite("records", () => {
  test("garbage after the upgrade ends the connection", async () => {
    for (const garbage of [
      randomBytes(500),
      Buffer.from("GET / HTTP/1.1\r\n\r\n"),
      Buffer.from([4, 0, 15]),
    ]) {
      const { socket } = await records();
      const end = drain(socket);
      socket.write(garbage);
      await end;
    }
    assert.ok(count("noise_failed record") >= 3);
  });

  test("an empty record and one of 4096 bytes are accepted, and no frame that comes back is larger", async () => {
    const { socket, seal, open, rest } = await records();
    const start = Buffer.concat([preface, headersFrame(1, "/full")]);
    const body = randomBytes(4077 - start.length - 9);
    const full = Buffer.concat([start, frame(0, 1, 1, body)]);
    assert.equal(full.length, 4077);
    let ciphered = Buffer.from(rest);
    socket.on("data", (chunk: Buffer) => (ciphered = Buffer.concat([ciphered, chunk])));
    socket.resume();
    socket.write(seal.seal(new Uint8Array(0)));
    const sealed = seal.seal(full);
    assert.equal(sealed.length, 4096);
    socket.write(sealed);
    let plain = Buffer.alloc(0);
    let seen = 0;
    await eventually("the echo", () => {
      while (ciphered.length >= seen + 3) {
        const size = 3 + ciphered.readUInt16BE(seen + 1);
        assert.ok(size <= 4096);
        if (ciphered.length < seen + size) break;
        plain = Buffer.concat([plain, ...open.push(ciphered.subarray(seen, seen + size))]);
        seen += size;
      }
      return plain.includes(body);
    });
    socket.destroy();
  });

  test("one flipped bit in a record ends the connection and nothing of it is served", async () => {
    const { socket, seal } = await records();
    socket.write(seal.seal(preface));
    const record = seal.seal(Buffer.concat([headersFrame(1, "/flipped"), frame(0, 1, 1, Buffer.from("x"))]));
    record[20]! ^= 0x10;
    const before = peers.length;
    const end = drain(socket);
    socket.write(record);
    await end;
    assert.equal(peers.length, before);
  });

  test("a client that dribbles one byte at a time is understood", async () => {
    const client = await TestClient.create({ url, wrap: (socket) => cutting(socket, () => 1) });
    await works(client, 3000);
    client.close();
  });

  test("bodies of a megabyte pass both ways, over several connections of one machine at once", async () => {
    const client = await TestClient.create({ url });
    const other = client.sibling();
    await Promise.all([works(client, 1 << 20), works(other, 1 << 20), works(client, 700_000)]);
    const link = await client.dial();
    assert.equal((await link.request({ path: "/", body: "third" })).text, "third");
    await works(other);
    client.close();
    other.close();
  });

  test("a connection that its client drops is forgotten", async () => {
    const client = await TestClient.create({ url });
    await works(client);
    const before = ts2021.connections;
    client.close();
    await eventually("the connection forgotten", () => ts2021.connections < before);
  });
});

test("connections cut off at any moment, while both sides write, are forgotten and harm nobody", async () => {
  const settled = ts2021.connections;
  const honest = await TestClient.create({ url });
  await works(honest);
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const client = honest.sibling({ machineKey: newMachineKey(), webSocket: i % 4 === 0 });
      const link = await client.dial();
      const cut = new Promise<void>((resolve) =>
        setTimeout(() => {
          client.close();
          resolve();
        }, Math.random() * 60),
      );
      const asked = Array.from({ length: 5 }, () =>
        link.request({ path: "/", body: Buffer.alloc(400_000) }).catch(() => undefined),
      );
      await Promise.all([cut, ...asked]);
    }),
  );
  await eventually("the connections forgotten", () => ts2021.connections <= settled + 1);
  await works(honest);
  honest.close();
});

suite("web sockets", () => {
  test("message boundaries mean nothing", async () => {
    for (const cut of [() => 1, (left: number) => 1 + Math.floor(Math.random() * Math.min(left, 900))]) {
      const client = await TestClient.create({
        url,
        webSocket: true,
        wrap: (socket) => cutting(socket, cut),
      });
      await works(client, 500);
      await works(client, 4000);
      client.close();
    }
    const client = await TestClient.create({ url, webSocket: true });
    await works(client, 1 << 20);
    client.close();
  });

  test("any origin may come, with its subprotocol and no compression", async () => {
    const { socket, closed } = webSocket(`?X-Tailscale-Handshake=${encodeURIComponent(initiation())}`, {
      origin: "https://elsewhere.example",
    });
    const response = new Promise<[Buffer, boolean]>((resolve) =>
      socket.once("message", (m: Buffer, binary) => resolve([m, binary])),
    );
    await within(2000, "open", new Promise((resolve) => socket.once("open", resolve)));
    assert.equal(socket.protocol, "tailscale-control-protocol");
    assert.equal(socket.extensions, "");
    const [message, binary] = await within(2000, "the response", response);
    assert.ok(binary);
    assert.deepEqual([...message.subarray(0, 3)], [2, 0, 48]);
    socket.close();
    await closed;
  });

  test("a bad parameter or a missing subprotocol is closed with 1008", async () => {
    for (const query of ["", "?X-Tailscale-Handshake=", "?X-Tailscale-Handshake=%21"])
      assert.equal(await webSocket(query).closed, 1008);
    const good = `?X-Tailscale-Handshake=${encodeURIComponent(initiation())}`;
    assert.equal(await webSocket(good, { protocols: [] }).closed, 1008);
  });

  test("text messages are refused", async () => {
    const { socket, closed } = webSocket(`?X-Tailscale-Handshake=${encodeURIComponent(initiation())}`);
    socket.once("open", () => socket.send("text"));
    assert.ok([1003, 1006].includes(await closed));
  });

  test("a message far longer than a record ends the connection before it is held", async () => {
    const { socket, closed } = webSocket(`?X-Tailscale-Handshake=${encodeURIComponent(initiation())}`);
    socket.once("open", () => {
      socket.send(Buffer.alloc(200_000), { fin: false });
    });
    assert.equal(await closed, 1009);
  });

  const initiation = (): string => Buffer.from(begin().initiation).toString("base64");

  function webSocket(
    query: string,
    options: { protocols?: string[]; origin?: string } = {},
  ): { socket: WebSocket; closed: Promise<number> } {
    const socket = new WebSocket(
      `${url.replace("http", "ws")}/ts2021${query}`,
      options.protocols ?? ["tailscale-control-protocol"],
      options.origin === undefined ? {} : { origin: options.origin },
    );
    socket.on("error", () => undefined);
    return {
      socket,
      closed: within(3000, "the close", new Promise((resolve) => socket.once("close", resolve))),
    };
  }
});

test("200 half-open connections are bounded in number and time, and others are served", async () => {
  const honest = await TestClient.create({ url });
  await works(honest);
  const settled = ts2021.connections;
  const sockets = await Promise.all(
    Array.from({ length: 200 }, async () => (await dialUpgrade(url, begin().initiation)).socket),
  );
  const ends = sockets.map(drain);
  assert.ok(ts2021.connections <= settled + halfOpen, `${ts2021.connections} connections`);
  await works(honest.sibling());
  await works(honest);
  await Promise.all(ends);
  assert.ok(count("noise_failed limit") >= 100);
  assert.ok(count("noise_failed deadline") >= 1);
  honest.close();
});

test("the key that clients are told is the one they must use", async () => {
  const client = await TestClient.create({ url });
  assert.deepEqual(Buffer.from(rawKey(client.serverKey)), Buffer.from(server.publicKey));
});
