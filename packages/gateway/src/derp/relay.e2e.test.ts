import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, suite, test } from "node:test";
import type { NodeKey } from "@hydrascale/core/domain/ids";
import { systemClock } from "@hydrascale/core/lib/clock";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import * as frames from "@hydrascale/core/wire/derp/frames";
import { frameType } from "@hydrascale/core/wire/derp/frames";
import { nodeKey } from "@hydrascale/core/wire/keys";
import { DerpTestClient, newKeys } from "../../../../test/support/derp-client.ts";
import type { DerpCount } from "./counters.ts";
import { handleDerpRoute } from "./routes.ts";
import { DerpServer, type DerpServerOptions } from "./server.ts";

interface Running {
  readonly derp: DerpServer;
  readonly port: number;
  readonly counts: Map<DerpCount, number>;
  stop(): Promise<void>;
}

async function run(options: Partial<DerpServerOptions> = {}): Promise<Running> {
  const counts = new Map<DerpCount, number>();
  const derp = new DerpServer({
    privateKey: randomBytes(32),
    admit: () => true,
    clock: systemClock,
    counters: { add: (name, by) => counts.set(name, (counts.get(name) ?? 0) + by) },
    ...options,
  });
  const http: Server = createServer((req, res) => {
    if (!handleDerpRoute(req, res)) res.writeHead(404).end();
  });
  http.on("upgrade", (req, socket, head) => derp.upgrade(req, socket, head));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    await derp.close();
    http.close();
    http.closeAllConnections();
  };
  return { derp, port, counts, stop };
}

/** Awaits a condition with a deadline. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const disco = (): Buffer => Buffer.concat([Buffer.from("TS💬"), randomBytes(60)]);

suite("relay", () => {
  let relay: Running;
  before(async () => {
    relay = await run();
  });
  after(() => relay.stop());

  test("packets of every size up to the limit arrive whole, in order and with their sender's key", async () => {
    const [a, b] = [await DerpTestClient.join(relay), await DerpTestClient.join(relay)];
    const packets = [0, 1, 62, 1400, 65_536].map((size) => Uint8Array.from(randomBytes(size)));
    for (const packet of packets) a.send(b.keys.publicKey, packet);
    for (const packet of packets) {
      const got = await b.packet();
      assert.deepEqual(got.from, a.keys.publicKey);
      assert.deepEqual(got.packet, packet);
    }
    a.close();
    b.close();
  });

  test("a burst that comes in one read reaches an idle receiver without a loss", async () => {
    const [a, b] = [await DerpTestClient.join(relay), await DerpTestClient.join(relay)];
    const burst = Array.from({ length: 300 }, (_, i) =>
      frames.frame(frameType.sendPacket, b.keys.publicKey, Uint8Array.of(i >> 8, i & 255)),
    );
    a.write(Buffer.concat(burst));
    for (let i = 0; i < burst.length; i++)
      assert.deepEqual((await b.packet()).packet, Uint8Array.of(i >> 8, i & 255));
    a.close();
    b.close();
  });

  test("the native answer names version and key, a fast start has no answer at all", async () => {
    const native = await DerpTestClient.join(relay);
    assert.match(native.httpHead, /\r\nDerp-Version: 2/);
    const hex = Buffer.from(relay.derp.publicKey).toString("hex");
    assert.ok(native.httpHead.includes(`\r\nDerp-Public-Key: ${hex}`));
    assert.deepEqual(native.serverKey, relay.derp.publicKey);
    const fast = await DerpTestClient.join({ port: relay.port, how: "fast" });
    assert.equal(fast.httpHead, "");
    native.close();
    fast.close();
  });

  test("a WebSocket client and a native one exchange packets", async () => {
    const web = await DerpTestClient.join({ port: relay.port, how: "websocket" });
    const native = await DerpTestClient.join(relay);
    assert.equal(web.httpHead, "derp");
    const big = Uint8Array.from(randomBytes(65_536));
    web.send(native.keys.publicKey, big);
    assert.deepEqual((await native.packet()).packet, big);
    native.send(web.keys.publicKey, big);
    assert.deepEqual((await web.packet()).packet, big);
    // One message that ends in the middle of a frame, the rest in the next.
    const ping = frames.frame(frameType.ping, randomBytes(8));
    web.write(ping.subarray(0, 3));
    web.write(ping.subarray(3));
    assert.deepEqual((await web.next(frameType.pong)).payload, ping.slice(5));
    web.close();
    native.close();
  });

  test("a client that goes is reported to those that it sent to, and to nobody else", async () => {
    const [a, b, c] = [
      await DerpTestClient.join(relay),
      await DerpTestClient.join(relay),
      await DerpTestClient.join(relay),
    ];
    b.send(a.keys.publicKey, Uint8Array.of(1));
    await a.packet();
    a.send(c.keys.publicKey, Uint8Array.of(2));
    await c.packet();
    b.close();
    const gone = await a.next(frameType.peerGone);
    assert.deepEqual(gone.payload, Uint8Array.of(...b.keys.publicKey, 0));
    c.write(frames.frame(frameType.ping, new Uint8Array(8)));
    await c.next(frameType.pong);
    assert.deepEqual(c.waiting, []);
    a.close();
    c.close();
  });

  test("path discovery to an absent key is answered three times at once, other packets never", async () => {
    const a = await DerpTestClient.join(relay);
    const absent = newKeys().publicKey;
    for (let i = 0; i < 6; i++) a.send(absent, new Uint8Array(100));
    for (let i = 0; i < 10; i++) a.send(absent, disco());
    a.write(frames.frame(frameType.ping, new Uint8Array(8)));
    for (let i = 0; i < 3; i++)
      assert.deepEqual((await a.next(frameType.peerGone)).payload, Uint8Array.of(...absent, 1));
    await a.next(frameType.pong);
    assert.deepEqual(a.waiting, []);
    a.close();
  });

  test("the newest connection of a key wins and nobody hears that the key went", async () => {
    const keys = newKeys();
    const a = await DerpTestClient.join(relay);
    const old = await DerpTestClient.join({ port: relay.port, keys });
    old.send(a.keys.publicKey, Uint8Array.of(1));
    await a.packet();
    const fresh = await DerpTestClient.join({ port: relay.port, keys });
    await old.ended();
    a.send(keys.publicKey, Uint8Array.of(7));
    assert.deepEqual((await fresh.packet()).packet, Uint8Array.of(7));
    a.write(frames.frame(frameType.ping, new Uint8Array(8)));
    await a.next(frameType.pong);
    // What the old connection told others about is remembered: they hear when the key goes in the end.
    fresh.close();
    await a.next(frameType.peerGone);
    a.close();
  });

  test("unknown frames are skipped", async () => {
    const a = await DerpTestClient.join(relay);
    a.write(frames.frame(0xee, randomBytes(200_000)));
    a.write(frames.frame(frameType.ping, Uint8Array.of(9)));
    assert.deepEqual((await a.next(frameType.pong)).payload, Uint8Array.of(9));
    a.close();
  });

  test("forbidden and oversized frames end their own connection, the relay goes on", async () => {
    const key = new Uint8Array(32);
    const wrong = [
      frames.frame(frameType.watchConns),
      frames.frame(frameType.closePeer, key),
      frames.frame(frameType.forwardPacket, key, key, key),
      frames.frame(frameType.sendPacket, key, new Uint8Array(65_537)),
      frames.frame(frameType.clientInfo, new Uint8Array(80)),
      Uint8Array.of(0xee, 0x7f, 0xff, 0xff, 0xff),
    ];
    for (const bytes of wrong) {
      const client = await DerpTestClient.join(relay);
      client.write(bytes);
      await client.ended();
    }
    const well = await DerpTestClient.join(relay);
    assert.equal(relay.counts.get("protocol_error"), wrong.length);
    well.close();
  });

  test("a handshake that proves nothing is closed without a server info", async () => {
    const attempts: ((client: DerpTestClient) => void)[] = [
      (c) => c.introduce((frame) => frame.with(60, (frame[60] ?? 0) ^ 1)),
      (c) => c.introduce((frame) => frame.with(10, (frame[10] ?? 0) ^ 1)),
      (c) => c.write(frames.frame(frameType.clientInfo, new Uint8Array(55))),
      (c) => c.write(Uint8Array.of(frameType.clientInfo, 0, 4, 0, 1)),
      (c) => c.write(frames.frame(frameType.ping, new Uint8Array(8))),
      (c) => c.write(frames.frame(frameType.sendPacket, new Uint8Array(99))),
    ];
    for (const attempt of attempts) {
      const client = await DerpTestClient.dial(relay);
      attempt(client);
      await client.ended();
      assert.deepEqual(client.waiting, []);
    }
    assert.equal(relay.counts.get("handshake_failed"), attempts.length);
    await until("no handshake is left over", () => relay.derp.stats().handshakes === 0);
  });

  test("a receiver that reads nothing costs bounded memory, slows nobody and is closed", async () => {
    const [sender, slow, well] = [
      await DerpTestClient.join(relay),
      await DerpTestClient.join(relay),
      await DerpTestClient.join(relay),
    ];
    slow.socket?.pause();
    const big = Uint8Array.from(randomBytes(60_000));
    let held = 0;
    let slowest = 0;
    const deadline = performance.now() + 20_000;
    while ((relay.counts.get("stuck") ?? 0) === 0 && performance.now() < deadline) {
      for (let i = 0; i < 20; i++) sender.send(slow.keys.publicKey, big);
      const began = performance.now();
      sender.send(well.keys.publicKey, Uint8Array.of(1));
      await well.packet();
      slowest = Math.max(slowest, performance.now() - began);
      held = Math.max(held, relay.derp.stats().held);
    }
    assert.equal(relay.counts.get("stuck"), 1);
    assert.ok((relay.counts.get("packets_dropped_full") ?? 0) > 0);
    // 32 packets in the queue, a window of 64 KiB and the packet that crossed its edge.
    assert.ok(held <= 32 * 60_037 + (64 << 10) + 60_037, `${held} bytes held`);
    assert.ok(slowest < 1000, `${slowest} ms for a packet to the healthy client`);
    slow.socket?.resume();
    await slow.ended();
    sender.close();
    well.close();
  });
});

suite("relay under a fake clock", () => {
  test("an idle client gets a keep-alive within 65 s, and again", async () => {
    const clock = new FakeClock();
    const relay = await run({ clock });
    const a = await DerpTestClient.join(relay);
    await clock.advance(59_000);
    a.write(frames.frame(frameType.ping, new Uint8Array(8)));
    await a.next(frameType.pong);
    assert.deepEqual(a.waiting, []);
    for (let i = 0; i < 2; i++) {
      await clock.advance(65_000);
      await a.next(frameType.keepAlive);
    }
    a.close();
    await relay.stop();
  });

  test("who does not introduce itself within 10 s is closed, also while admission is asked", async () => {
    const clock = new FakeClock();
    const relay = await run({ clock, admit: () => new Promise(() => {}) });
    const [silent, asked] = [await DerpTestClient.dial(relay), await DerpTestClient.dial(relay)];
    asked.introduce();
    await until("both handshakes are under way", () => relay.derp.stats().handshakes === 2);
    await clock.advance(10_000);
    await silent.ended();
    await clock.advance(10_000);
    await asked.ended();
    await relay.stop();
  });

  test("who is admitted no more, as after its key expired, is closed at its next keep-alive", async () => {
    const clock = new FakeClock();
    let admitted: boolean | "away" = true;
    const admit = async (): Promise<boolean> => {
      if (admitted === "away") throw new Error("the directory is away");
      return admitted;
    };
    const relay = await run({ clock, admit });
    const client = await DerpTestClient.join(relay);
    admitted = "away";
    await clock.advance(65_000);
    await client.next(frameType.keepAlive);
    assert.equal(relay.derp.stats().connections, 1);
    admitted = false;
    await clock.advance(65_000);
    await client.ended();
    assert.equal(relay.derp.stats().connections, 0);
    await relay.stop();
  });

  test("answers about absent keys come back at one a second", async () => {
    const clock = new FakeClock();
    const relay = await run({ clock });
    const a = await DerpTestClient.join(relay);
    const gone = async (): Promise<number> => {
      for (let i = 0; i < 10; i++) a.send(new Uint8Array(32).fill(1), disco());
      a.write(frames.frame(frameType.ping, new Uint8Array(8)));
      await until("the pong came", () => a.waiting.includes(frameType.pong));
      const answers = a.waiting.filter((type) => type === frameType.peerGone).length;
      await a.next(frameType.pong);
      return answers;
    };
    assert.equal(await gone(), 3);
    await clock.advance(2000);
    assert.equal(await gone(), 2);
    a.close();
    await relay.stop();
  });
});

suite("relay admission", () => {
  test("a refused key is closed before the server info, whether refusal comes at once, late or as an error", async () => {
    const answers: (() => boolean | Promise<boolean>)[] = [
      () => false,
      async () => false,
      () => Promise.reject(new Error("the directory is away")),
      () => {
        throw new Error("the directory is away");
      },
    ];
    for (const admit of answers) {
      const relay = await run({ admit });
      const client = await DerpTestClient.dial(relay);
      client.introduce();
      await client.ended();
      assert.deepEqual(client.waiting, []);
      assert.equal(relay.derp.stats().connections, 0);
      await relay.stop();
    }
  });

  test("admission is asked for the proved key and the client's address", async () => {
    const asked: [NodeKey, string][] = [];
    const relay = await run({
      admit: async (key, source) => {
        asked.push([key, source]);
        return true;
      },
    });
    const client = await DerpTestClient.dial(relay);
    client.introduce();
    // Sent before the answer is there: kept, and handled after it.
    client.write(frames.frame(frameType.ping, Uint8Array.of(4)));
    assert.deepEqual((await client.next(frameType.pong)).payload, Uint8Array.of(4));
    assert.deepEqual(asked, [[nodeKey(client.keys.publicKey), "127.0.0.1"]]);
    client.close();
    await relay.stop();
  });

  test("a deleted node is cut off, also in the middle of its admission", async () => {
    const waiting: ((admitted: boolean) => void)[] = [];
    const relay = await run({ admit: () => new Promise((resolve) => waiting.push(resolve)) });
    const keys = newKeys();
    const pending = await DerpTestClient.dial({ port: relay.port, keys });
    pending.introduce();
    await until("admission is asked", () => waiting.length === 1);
    relay.derp.disconnect(nodeKey(keys.publicKey));
    await pending.ended();
    waiting.pop()?.(true);

    const joining = DerpTestClient.join({ port: relay.port, keys });
    await until("admission is asked again", () => waiting.length === 1);
    waiting.pop()?.(true);
    const open = await joining;
    assert.deepEqual(relay.derp.stats().connections, 1);
    relay.derp.disconnect(nodeKey(keys.publicKey));
    await open.ended();
    assert.deepEqual(relay.derp.stats(), { connections: 0, handshakes: 0, home: 0, held: 0 });
    await relay.stop();
  });

  test("a stopping relay says so to its clients and is then empty", async () => {
    const relay = await run();
    const client = await DerpTestClient.join(relay);
    client.write(frames.frame(frameType.notePreferred, Uint8Array.of(1)));
    await until("the home is noted", () => relay.derp.stats().home === 1);
    const stopping = relay.stop();
    assert.equal((await client.next(frameType.restarting)).payload.length, 8);
    await client.ended();
    await stopping;
    assert.equal(relay.derp.stats().connections, 0);
  });
});

suite("a relay full of strangers", () => {
  test("lets an honest client in: the oldest handshake goes for it", async () => {
    const relay = await run({ handshakes: 5 });
    const strangers = await Promise.all(Array.from({ length: 5 }, () => DerpTestClient.dial(relay)));
    const honest = await DerpTestClient.join(relay);
    assert.equal(strangers.filter((stranger) => stranger.closed).length, 1);
    assert.equal(relay.counts.get("overloaded"), 1);
    for (const client of [...strangers, honest]) client.close();
    await relay.stop();
  });

  test("takes the memory from whoever has most of it", async () => {
    const relay = await run({ earlyBytes: 100_000 });
    const greedy = await DerpTestClient.dial(relay);
    greedy.write(frames.frame(frameType.clientInfo, new Uint8Array(200_000)).subarray(0, 99_990));
    await until("it is held", () => greedy.socket?.writableLength === 0);
    const honest = await DerpTestClient.join(relay);
    await greedy.ended();
    honest.close();
    await relay.stop();
  });

  test("holds no message over WebSocket that is longer than a frame can be", async () => {
    const relay = await run();
    const stranger = await DerpTestClient.dial({ port: relay.port, how: "websocket" });
    stranger.write(new Uint8Array(200_000));
    await stranger.ended();
    const [sender, receiver] = await Promise.all([
      DerpTestClient.join({ port: relay.port, how: "websocket" }),
      DerpTestClient.join({ port: relay.port, how: "websocket" }),
    ]);
    const largest = randomBytes(65_536);
    sender.send(receiver.keys.publicKey, largest);
    assert.deepEqual(Buffer.from((await receiver.packet()).packet), largest);
    sender.close();
    receiver.close();
    await relay.stop();
  });
});
