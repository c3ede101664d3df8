// Clients that misbehave, by malice or by mistake, against a whole installation: the server's memory stays bounded, and
// well-behaved clients notice nothing.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { nodeSuite } from "@hydrascale/core/crypto/node";
import { rawKey } from "@hydrascale/core/wire/keys";
import { initiate } from "@hydrascale/core/wire/noise/handshake";
import { TestClient, newestCapver } from "../support/client/control.ts";
import { newMachineKey, newNodeKey } from "../support/client/keys.ts";
import { dialNoise, dialUpgrade } from "../support/client/noise-link.ts";
import { Up } from "../support/up.ts";
import { Api } from "./api.ts";
import { Canary } from "./canary.ts";
import type { Suffered } from "./canary.ts";
import { History } from "./history.ts";
import { otherSource } from "./other-source.ts";

const mebibyte = 1024 * 1024;
/** Of all that a test piles up, this much may be held: far less than it would be without limits. */
const maxGrowth = 200 * mebibyte;

let up: Up;
let api: Api;
let canary: Canary;
let authKey = "";

before(async () => {
  up = await Up.create();
  process.once("exit", () => up.killNow());
  const ready = await up.start();
  api = new Api(up.url, ready.apiKey, new History());
  await post("/api/v1/user", { name: "ada" });
  const made = await post("/api/v1/preauthkey", { user: "1", reusable: true });
  authKey = (made as { preAuthKey: { key: string } }).preAuthKey.key;
  canary = await Canary.join(up.url, authKey, ready.pids.up);
});

after(async () => {
  canary?.close();
  await up?.end();
});

async function post(path: string, body?: object): Promise<unknown> {
  const answer = await api.attempt("POST", path, body);
  assert.equal(answer?.status, 200, JSON.stringify(answer));
  return answer?.json;
}

const join = async (hostname: string, wrap?: (socket: Duplex) => Duplex): Promise<TestClient> => {
  const client = await TestClient.create({ url: up.url, hostname, ...(wrap === undefined ? {} : { wrap }) });
  const answer = await client.register({ authKey });
  assert.equal(answer.MachineAuthorized, true, JSON.stringify(answer));
  return client;
};

function unharmed(t: TestContext, suffered: Suffered): void {
  const grown = Math.round(suffered.grownBytes / mebibyte);
  t.diagnostic(
    `${suffered.updates} updates, the slowest ${Math.round(suffered.slowestMs)} ms; grown by ${grown} MiB`,
  );
  assert.ok(suffered.grownBytes < maxGrowth, `grown by ${grown} MiB`);
}

/** `count` times, so many at once. */
async function crowd(count: number, atOnce: number, one: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Sixty endpoints that do not compress, in the only spelling: a few of these fill a client's window. */
const manyEndpoints = (): string[] =>
  Array.from({ length: 60 }, () => {
    const groups = [...new Uint16Array(new Uint8Array(randomBytes(12)).buffer)].map((n) =>
      Math.max(n, 1).toString(16),
    );
    return `[2001:db8:${groups.join(":")}]:41641`;
  });

test("clients that do not read through 200 changes get what is true when they read again, not a backlog", async (t) => {
  const readers = await Promise.all(Array.from({ length: 20 }, (_, n) => join(`deaf-${n}`)));
  const streams = await Promise.all(readers.map((client) => client.up()));
  const talker = await join("chatterbox");
  const talking = await talker.up();
  const id = talking.netmap.node?.ID ?? 0;
  for (const stream of streams) stream.pause();
  const received = streams.map((stream) => stream.received.length);
  let last: string[] = [];
  const suffered = await canary.during(async () => {
    for (let n = 0; n < 200; n++) {
      last = manyEndpoints();
      await talker.lite({ endpoints: last });
    }
  });
  for (const stream of streams) stream.resume();
  await Promise.all(
    streams.map((stream) =>
      stream.until(({ peers }) => peers.get(id)?.Endpoints?.join() === last.join(), 20_000),
    ),
  );
  const most = Math.max(...streams.map((stream, n) => stream.received.length - (received[n] ?? 0)));
  t.diagnostic(`at most ${most} messages after 200 changes`);
  assert.ok(most < 120, `${most} messages were kept for a client that does not read`);
  for (const client of [...readers, talker]) client.close();
  unharmed(t, suffered);
});

test("2,000 connections that say nothing, and 2,000 that stop after the handshake, are hung up on", async (t) => {
  const { serverKey } = await TestClient.create({ url: up.url });
  const serverPublic = rawKey(serverKey);
  const open = new Set<Duplex>();
  const keep = (socket: Duplex): void => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
    socket.resume();
  };
  const suffered = await canary.during(async () => {
    const { hostname: host, port } = new URL(up.url);
    await crowd(2_000, 64, async () => {
      const socket = connect({ host, port: Number(port) });
      keep(socket);
      await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    });
    const silent = open.size;
    await crowd(2_000, 16, async () => {
      const { secret } = newMachineKey();
      keep(await dialNoise({ url: up.url, capver: newestCapver, machine: secret, serverPublic }));
    });
    t.diagnostic(`at once open: ${silent} silent ones, ${open.size} in all`);
    assert.ok(open.size <= 2_200, `${open.size} half-open connections are kept`);
    const deadline = performance.now() + 25_000;
    while (open.size > 0 && performance.now() < deadline) await pause(100);
    assert.equal(open.size, 0, "connections that say nothing are kept");
  });
  unharmed(t, suffered);
});

test("2,000 anonymous logins are bounded, and an older login of somebody else survives them", async (t) => {
  const elsewhere = await otherSource(up.url, "127.0.0.2");
  const patient = await TestClient.create({ url: elsewhere.url, hostname: "patient" });
  const begun = await patient.register();
  const followup = begun.AuthURL ?? "";
  const id = /hskey-authreq-[0-9a-f]+/.exec(followup)?.[0];
  assert.ok(id !== undefined, JSON.stringify(begun));
  const waiting = patient.register({ followup, ms: 120_000 });
  const suffered = await canary.during(async () => {
    const flood = await Promise.all(Array.from({ length: 16 }, () => TestClient.create({ url: up.url })));
    await crowd(2_000, flood.length * 2, async (n) => {
      const client = flood[n % flood.length];
      const answer = await client?.register({ nodeKey: newNodeKey().text, ms: 60_000 });
      assert.ok((answer?.AuthURL ?? "") !== "", JSON.stringify(answer));
    });
    for (const client of flood) client.close();
  });
  const listed = await api.read<object>("/api/v1/auth");
  const count = Object.values(listed).find(Array.isArray)?.length ?? 0;
  t.diagnostic(`${count} logins wait`);
  assert.ok(count > 1 && count <= 1024, `${count} logins wait`);
  await post("/api/v1/auth/register", { user: "ada", authId: id });
  assert.equal((await waiting).MachineAuthorized, true);
  patient.close();
  elsewhere.close();
  unharmed(t, suffered);
});

test("bodies over 1 MiB are answered 413, inside Noise and outside", async (t) => {
  const client = await join("bulky");
  const suffered = await canary.during(async () => {
    const rawBody = JSON.stringify({ NodeKey: client.node.text, Pad: "x".repeat(mebibyte) });
    for (let n = 0; n < 10; n++) {
      assert.equal((await client.registerAnswer({ rawBody })).status, 413);
      assert.equal((await client.mapAnswer({ rawBody })).status, 413);
    }
    for (let n = 0; n < 10; n++) {
      const answer = await api.attempt("POST", "/api/v1/user", { name: "x".repeat(mebibyte) });
      assert.equal(answer?.status, 413);
    }
    // The connection is as good as before.
    await client.lite({ endpoints: ["192.0.2.9:9"] });
  });
  client.close();
  unharmed(t, suffered);
});

test("garbage before, as and after the handshake ends that connection and nothing else", async (t) => {
  const { serverKey } = await TestClient.create({ url: up.url });
  const machine = newMachineKey().secret;
  const serverPublic = rawKey(serverKey);
  const initiation = (): Buffer =>
    Buffer.from(
      initiate({ suite: nodeSuite, version: newestCapver, machinePrivate: machine, serverPublic }).initiation,
    );
  const over = async (socket: Duplex): Promise<void> => {
    socket.on("error", () => undefined);
    socket.resume();
    // `end` may have passed already.
    if (!socket.destroyed && !socket.readableEnded)
      await new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
    socket.destroy();
  };
  const suffered = await canary.during(() =>
    crowd(150, 8, async (n) => {
      if (n % 3 === 0) {
        const damaged = initiation();
        const at = damaged.length - 1 - (n % 40);
        damaged[at] = (damaged[at] ?? 0) ^ 1;
        return over((await dialUpgrade(up.url, damaged)).socket);
      }
      const { socket } = await dialUpgrade(up.url, n % 3 === 1 ? initiation() : randomBytes(101)).catch(
        () => ({
          socket: undefined,
        }),
      );
      if (socket === undefined) return undefined; // refused before the upgrade
      socket.on("error", () => undefined);
      socket.write(randomBytes(20_000));
      return over(socket);
    }),
  );
  unharmed(t, suffered);
});

test("hostnames of 10,000 bytes, in no alphabet of DNS, or empty get a label, and maps stay whole", async (t) => {
  const names = [
    "x".repeat(10_000),
    "我的电脑",
    "",
    "🦆".repeat(500),
    "-.-.-",
    "a\u0000b",
    "ADA's \u202Eevil",
  ];
  const suffered = await canary.during(async () => {
    const ids: number[] = [];
    for (const name of names) {
      const client = await join(name);
      const stream = await client.up();
      ids.push(stream.netmap.node?.ID ?? 0);
      client.close();
    }
    const labels = (await api.nodes())
      .filter((node) => ids.includes(Number(node.id)))
      .map((node) => node.givenName);
    assert.equal(labels.length, names.length);
    for (const label of labels) assert.match(label, /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
    assert.equal(new Set(labels).size, labels.length);
  });
  unharmed(t, suffered);
});

test("5,000 endpoints are taken or refused in words, and never grow other clients' maps beyond reason", async (t) => {
  const client = await join("octopus");
  const stream = await client.up();
  const watcher = await join("watcher");
  const watching = await watcher.up();
  const endpoints = Array.from(
    { length: 5_000 },
    (_, n) => `198.51.${100 + (n >> 8)}.${n & 255}:${1024 + n}`,
  );
  const suffered = await canary.during(async () => {
    for (let n = 0; n < 20; n++) {
      const { status } = await client.mapAnswer({ endpoints: [...endpoints].reverse(), omitPeers: true });
      assert.ok(status === 200 || status === 400, `status ${status}`);
    }
    await client.lite({ endpoints: ["192.0.2.77:77"] });
    const id = stream.netmap.node?.ID ?? 0;
    await watching.until(({ peers }) => peers.get(id)?.Endpoints?.join() === "192.0.2.77:77", 10_000);
  });
  const largest = Math.max(...watching.received.map((one) => one.text.length));
  t.diagnostic(`largest message to a peer: ${largest} bytes`);
  assert.ok(largest < 64 * 1024, `${largest} bytes in one message`);
  client.close();
  watcher.close();
  unharmed(t, suffered);
});
