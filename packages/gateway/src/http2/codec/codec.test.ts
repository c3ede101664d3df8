// What the contract of the port does not ask, since node's client would not do it: frames by hand.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Http2Handler, Http2Limits, Http2Request, Http2Response } from "../port.ts";
import { code, frame, frameType } from "./frame.ts";
import { codecHttp2 } from "./serve.ts";
import { FakeTransport, HandClock, contentLength, headBlock, opening } from "./testing/peer.ts";
import { readFrames, requestBlock, settings, word } from "./testing/peer.ts";
import type { Frame } from "./testing/peer.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Peer {
  readonly transport = new FakeTransport();
  readonly clock = new HandClock();
  readonly exchanges: { request: Http2Request; response: Http2Response }[] = [];
  readonly connection;

  constructor(handler?: Http2Handler, limits: Partial<Http2Limits> = {}) {
    this.connection = codecHttp2(this.clock, limits)(this.transport, (request, response) => {
      this.exchanges.push({ request, response });
      handler?.(request, response);
    });
    this.transport.feed(opening);
  }

  async say(...frames: Buffer[]): Promise<void> {
    for (const bytes of frames) this.transport.feed(bytes);
    await turn();
  }

  frames(type: number): Frame[] {
    return readFrames(this.transport.output).filter((f) => f.type === type);
  }

  dataOf(id: number): Buffer {
    return Buffer.concat(this.frames(frameType.data).flatMap((f) => (f.id === id ? [f.payload] : [])));
  }

  /** The code of the GOAWAY, or that of the stream's RST_STREAM. */
  get goaway(): number | undefined {
    return this.frames(frameType.goaway).at(-1)?.payload.readUInt32BE(4);
  }

  reset(id: number): number | undefined {
    return this.frames(frameType.reset)
      .find((f) => f.id === id)
      ?.payload.readUInt32BE(0);
  }

  get response(): Http2Response {
    return this.exchanges[0]!.response;
  }
}

const ask = (id: number, block = requestBlock()): Buffer => frame(frameType.headers, 5, id, block);
const post = (id: number, block = requestBlock()): Buffer => frame(frameType.headers, 4, id, block);
const data = (id: number, bytes: number, flags = 0): Buffer =>
  frame(frameType.data, flags, id, Buffer.alloc(bytes));
const update = (id: number, bytes: number): Buffer => frame(frameType.windowUpdate, 0, id, word(bytes));
const echo: Http2Handler = (request, response) => {
  response.respond(200);
  response.end(request.body);
};

void suite("http/2 codec: flow control", () => {
  test("data stops at the smaller of both windows and goes on with each update", async () => {
    const peer = new Peer();
    await peer.say(settings([4, 1_000]), ask(1));
    peer.response.respond(200);
    assert.equal(peer.response.write(Buffer.alloc(90_000, 1)), false);
    await turn();
    assert.equal(peer.dataOf(1).length, 1_000);
    await peer.say(update(1, 500));
    assert.equal(peer.dataOf(1).length, 1_500);
    await peer.say(update(1, 1_000_000));
    assert.equal(peer.dataOf(1).length, 65_535);
    let drains = 0;
    peer.response.onDrain(() => drains++);
    await peer.say(update(0, 1_000_000));
    assert.equal(peer.dataOf(1).length, 90_000);
    assert.equal(drains, 1);
  });

  test("a window that the peer shrinks below nothing is paid back first", async () => {
    const peer = new Peer();
    await peer.say(ask(1));
    peer.response.respond(200);
    peer.response.write(Buffer.alloc(50_000));
    await turn();
    await peer.say(settings([4, 10_000]));
    peer.response.write(Buffer.alloc(10_000));
    await turn();
    await peer.say(update(1, 39_999));
    assert.equal(peer.dataOf(1).length, 50_000);
    await peer.say(update(1, 1));
    assert.equal(peer.dataOf(1).length, 50_000);
    await peer.say(update(1, 5));
    assert.equal(peer.dataOf(1).length, 50_005);
    await peer.say(settings([4, 65_535]));
    assert.equal(peer.dataOf(1).length, 60_000);
  });

  test("one large answer does not hold up the small ones", async () => {
    const peer = new Peer();
    await peer.say(update(0, 5_000_000), settings([4, 5_000_000]), ask(1), ask(3));
    const [large, small] = peer.exchanges;
    large!.response.respond(200);
    large!.response.write(Buffer.alloc(2_000_000));
    await new Promise((resolve) => process.nextTick(resolve));
    small!.response.respond(200);
    small!.response.end(Buffer.from("x"));
    await new Promise<void>((resolve) => small!.response.onClose(() => resolve()));
    assert.ok(large!.response.queued > 1_500_000, `${large!.response.queued} left`);
    while (large!.response.queued > 0) await turn();
    assert.equal(peer.dataOf(1).length, 2_000_000);
  });

  test("a transport that is full gets no more than a flush, and all of it once it drains", async () => {
    const peer = new Peer();
    await peer.say(update(0, 5_000_000), settings([4, 5_000_000]), ask(1));
    peer.transport.open = false;
    peer.response.respond(200);
    for (let i = 0; i < 100; i++) peer.response.write(Buffer.alloc(10_000, i));
    for (let i = 0; i < 5; i++) await turn();
    assert.ok(peer.transport.writableLength < 70_000, `${peer.transport.writableLength} waiting`);
    assert.ok(peer.response.queued > 900_000);
    for (let i = 0; i < 200 && peer.response.queued > 0; i++) {
      peer.transport.reopen();
      await turn();
    }
    assert.equal(peer.dataOf(1).length, 1_000_000);
  });

  test("what a body takes of the windows is given back", async () => {
    const peer = new Peer(echo);
    await peer.say(update(0, 1_000_000), settings([4, 1_000_000]), post(1));
    for (let i = 0; i < 30; i++) await peer.say(data(1, 16_384, i === 29 ? 1 : 0));
    for (let i = 0; i < 30; i++) await turn();
    assert.equal(peer.dataOf(1).length, 30 * 16_384);
  });

  test("more than the window is a fault", async () => {
    const peer = new Peer(undefined, { bodyBytes: 10 });
    await peer.say(post(1));
    // Answered 413 at once; the connection's window counts all the same.
    for (let i = 0; i < 4; i++) peer.transport.feed(data(1, 16_384));
    await turn();
    assert.equal(peer.goaway, undefined);
    const greedy = new Peer();
    await greedy.say(update(0, 0x7fff_ffff));
    assert.equal(greedy.goaway, code.flowControl);
  });
});

void suite("http/2 codec: requests", () => {
  test("HEAD is answered without a body", async () => {
    const peer = new Peer(echo);
    await peer.say(ask(1, headBlock));
    assert.equal(peer.frames(frameType.headers)[0]?.flags, 5);
    assert.equal(peer.dataOf(1).length, 0);
    assert.equal(peer.connection.openStreams, 0);
  });

  test("padding, a priority, a continuation and trailers change nothing", async () => {
    const peer = new Peer(echo);
    const block = requestBlock("/padded");
    const padded = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 9]), block.subarray(0, 4), Buffer.alloc(3)]);
    await peer.say(
      frame(frameType.headers, 8 | 32, 1, padded),
      frame(frameType.continuation, 4, 1, block.subarray(4)),
      frame(frameType.data, 8, 1, Buffer.from([2, 65, 66, 0, 0])),
      frame(frameType.headers, 5, 1, Buffer.from("000178017a", "hex")),
    );
    assert.equal(peer.exchanges[0]?.request.path, "/padded");
    assert.equal(peer.exchanges[0]?.request.body.toString(), "AB");
    assert.deepEqual(Object.keys(peer.exchanges[0]?.request.headers ?? { missing: true }), []);
  });

  const malformed: Record<string, Buffer> = {
    "an upper-case name": Buffer.concat([requestBlock(), Buffer.from("000158017a", "hex")]),
    "a pseudo-header after a header": Buffer.concat([Buffer.from("000178017a", "hex"), requestBlock()]),
    "a pseudo-header twice": Buffer.concat([requestBlock(), Buffer.from([0x82])]),
    "no path": Buffer.from([0x82, 0x87]),
    "a path that is none": requestBlock("nowhere"),
    "a connection header": Buffer.concat([requestBlock(), Buffer.from("0007757067726164650178", "hex")]),
    "a value with a line break": Buffer.concat([requestBlock(), Buffer.from("000178030d0a61", "hex")]),
    "an unknown pseudo-header": Buffer.concat([requestBlock(), Buffer.from("00023a78017a", "hex")]),
  };
  for (const [name, block] of Object.entries(malformed))
    test(`a request with ${name} costs its stream, not the connection`, async () => {
      const peer = new Peer(echo);
      await peer.say(ask(1, block), ask(3));
      assert.equal(peer.reset(1), code.protocol);
      assert.equal(peer.exchanges.length, 1);
      assert.equal(peer.goaway, undefined);
    });

  test("a body that is not as long as announced reaches no handler", async () => {
    const peer = new Peer(echo);
    const announced = Buffer.concat([requestBlock(), contentLength(10)]);
    await peer.say(post(1, announced), data(1, 9, 1), ask(3, announced), post(5, announced), data(5, 11, 1));
    assert.deepEqual([peer.reset(1), peer.reset(3), peer.reset(5)], [1, 1, 1]);
    assert.equal(peer.exchanges.length, 0);
  });

  test("what comes after the end of a request costs its stream", async () => {
    const peer = new Peer();
    await peer.say(
      ask(1),
      data(1, 5),
      post(3),
      data(3, 5, 1),
      frame(frameType.headers, 5, 3, Buffer.alloc(0)),
      ask(5),
    );
    assert.deepEqual(
      [peer.reset(1), peer.reset(3), peer.reset(5)],
      [code.streamClosed, code.streamClosed, undefined],
    );
    assert.equal(peer.goaway, undefined);
    assert.equal(peer.connection.openStreams, 1);
  });

  test("a peer that lowers its table is told that ours is empty", async () => {
    const peer = new Peer(echo);
    await peer.say(settings([1, 0]), ask(1), ask(3));
    const [first, second] = peer.frames(frameType.headers);
    assert.deepEqual([first?.payload[0], second?.payload[0]], [0x20, 0x88]);
  });

  test("a handler that throws costs its exchange, and is heard", async () => {
    const peer = new Peer((request) => {
      if (request.path === "/bad") throw new Error("handler's own");
    });
    const heard = new Promise((resolve) => process.once("uncaughtException", resolve));
    const listeners = process.listeners("uncaughtException").slice(0, -1);
    for (const listener of listeners) process.off("uncaughtException", listener);
    await peer.say(ask(1, requestBlock("/bad")), ask(3));
    assert.equal(((await heard) as Error).message, "handler's own");
    for (const listener of listeners) process.on("uncaughtException", listener);
    assert.equal(peer.reset(1), code.cancel);
    assert.equal(peer.exchanges.length, 2);
  });
});

void suite("http/2 codec: what has been refused", () => {
  test("the rest of a refused body is taken and dropped, then the stream is reset", async () => {
    const peer = new Peer(undefined, { bodyBytes: 100_000 });
    await peer.say(post(1, Buffer.concat([requestBlock(), contentLength(100_001)])));
    assert.equal(peer.connection.openStreams, 0);
    for (let i = 0; i < 6; i++) await peer.say(data(1, 16_384));
    assert.equal(peer.reset(1), undefined);
    assert.ok(peer.frames(frameType.windowUpdate).some((f) => f.id === 1));
    peer.clock.pass(1_000);
    await peer.say(data(1, 10_000), data(1, 10_000, 1), ask(3));
    assert.equal(peer.reset(1), code.none);
    assert.equal(peer.goaway, undefined);
    assert.equal(peer.exchanges.length, 1);
  });

  test("late frames of the last streams we reset are ignored, those of others are not", async () => {
    const peer = new Peer();
    for (let id = 1; id < 81; id += 2) await peer.say(post(id));
    for (const { response } of peer.exchanges) response.reset();
    for (let id = 1; id < 81; id += 2) await peer.say(frame(frameType.reset, 0, id, word(8)));
    await peer.say(post(81), frame(frameType.reset, 0, 81, word(8)), data(81, 5));
    assert.equal(peer.reset(81), code.streamClosed);
    assert.equal(peer.goaway, undefined);
  });

  test("streams beyond the limit are refused without an exchange", async () => {
    const peer = new Peer(undefined, { streams: 2 });
    await peer.say(ask(1), ask(3), ask(5));
    assert.equal(peer.reset(5), code.refused);
    assert.equal(peer.exchanges.length, 2);
  });

  test("after goaway open exchanges finish, and new ones are refused", async () => {
    const peer = new Peer();
    await peer.say(ask(1));
    peer.connection.goaway();
    await peer.say(ask(3));
    assert.equal(peer.reset(3), code.refused);
    peer.response.respond(200);
    peer.response.end(Buffer.from("bye"));
    await turn();
    assert.equal(peer.dataOf(1).toString(), "bye");
    assert.ok(peer.transport.writableEnded);
    peer.clock.pass(500);
    assert.ok(peer.transport.destroyed);
  });

  test("a connection that ends leaves no timer", async () => {
    const peer = new Peer();
    await peer.say(post(1), post(3), data(3, 10));
    peer.connection.close();
    await turn();
    assert.equal(peer.clock.pending, 0);
    assert.equal(peer.goaway, code.none);
  });
});

void suite("http/2 codec: floods", () => {
  const odd = (i: number): number => 2 * i + 1;
  const floods: Record<string, (i: number) => Buffer> = {
    "requests that are reset": (i) =>
      Buffer.concat([ask(odd(i)), frame(frameType.reset, 0, odd(i), word(8))]),
    pings: () => frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    "ping answers": () => frame(frameType.ping, 1, 0, Buffer.alloc(8)),
    settings: () => settings([4, 1_000]),
    "settings acknowledgements": () => frame(frameType.settings, 1, 0),
    "empty data": (i) => (i === 0 ? post(1) : data(1, 0)),
    "padding only": (i) => (i === 0 ? post(1) : frame(frameType.data, 8, 1, Buffer.from([1, 0]))),
    priorities: () => frame(frameType.priority, 0, 1, Buffer.alloc(5)),
    "unknown frames": () => frame(99, 0, 0, Buffer.alloc(20)),
    "requests over the limit": (i) => ask(odd(i)),
    "malformed requests": (i) => ask(odd(i), Buffer.from([0x82])),
    "updates of nothing": (i) => (i === 0 ? post(1) : update(1, 0)),
    continuations: (i) =>
      i === 0 ? frame(frameType.headers, 0, 1, requestBlock()) : frame(frameType.continuation, 0, 1),
    "large continuations": (i) =>
      i === 0
        ? frame(frameType.headers, 0, 1, requestBlock())
        : frame(frameType.continuation, 0, 1, Buffer.alloc(16_000)),
  };
  for (const [name, flood] of Object.entries(floods))
    test(`${name}: the peer is told to calm down`, async () => {
      const peer = new Peer();
      for (let i = 0; i < 1_200; i++) peer.transport.feed(flood(i));
      await turn();
      assert.equal(peer.goaway, code.calm);
      assert.equal(peer.connection.openStreams, 0);
      peer.clock.pass(500);
      assert.ok(peer.transport.destroyed);
    });

  test("a flood that takes its time is no flood", async () => {
    const peer = new Peer();
    for (let i = 0; i < 5_000; i++) {
      peer.transport.feed(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
      peer.clock.pass(i % 5 === 0 ? 160 : 0);
      if (i === 100) await peer.say(ask(1));
      if (i % 500 === 0) await turn();
    }
    assert.equal(peer.goaway, undefined);
  });

  test("a peer that does not read its answers is dropped", async () => {
    const peer = new Peer((_request, response) => response.respond(204));
    await turn();
    peer.transport.open = false;
    // Node's streams buffer 16 KiB, from 22 on 64 KiB: some thousand answers of ten bytes, before ours begin to wait.
    for (let i = 0; i < 20_000 && !peer.transport.destroyed; i++) {
      peer.transport.feed(ask(odd(i)));
      if (i % 100 === 0) await turn();
    }
    assert.ok(peer.exchanges.length < 15_000, `${peer.exchanges.length} answered`);
    assert.ok(peer.transport.destroyed);
  });

  test("headers that expand are answered 431 and kept nowhere", async () => {
    const peer = new Peer(echo);
    const bomb = Buffer.concat([
      requestBlock(),
      Buffer.from("4001787fa11e", "hex"),
      Buffer.alloc(4_000, 97),
      Buffer.alloc(12_000, 0xbe),
    ]);
    await peer.say(ask(1, bomb));
    assert.equal(peer.exchanges.length, 0);
    assert.ok(peer.dataOf(1).includes("headers are too large"));
  });

  test("bodies that stay unfinished hold no more than the connection may", async () => {
    const peer = new Peer(undefined, { connectionBodyBytes: 100_000 });
    for (let i = 0; i < 100; i++) await peer.say(post(odd(i)), data(odd(i), 4_000));
    assert.equal(peer.connection.openStreams, 25);
    peer.clock.pass(30_000);
    await turn();
    assert.equal(peer.connection.openStreams, 0);
  });

  test("a body that is whole in one frame is taken though others used the budget up", async () => {
    const peer = new Peer(echo, { connectionBodyBytes: 4_000 });
    await peer.say(post(1), data(1, 4_000));
    await peer.say(post(3), data(3, 3_000, 1));
    assert.equal(peer.dataOf(3).length, 3_000);
    await peer.say(data(1, 1));
    assert.ok(peer.dataOf(1).includes("too many bodies"));
    await peer.say(post(5), data(5, 4_000));
    assert.equal(peer.dataOf(5).length, 0);
  });

  test("a complete answer that the peer never takes is given up, one that it takes slowly is not", async () => {
    const peer = new Peer((_request, response) => response.end(Buffer.alloc(500)));
    await peer.say(settings([4, 0]), ask(1), ask(3));
    for (let i = 0; i < 3; i++) {
      await peer.say(update(3, 100));
      peer.clock.pass(119_000);
      await turn();
    }
    assert.equal(peer.reset(1), code.cancel);
    assert.equal(peer.reset(3), undefined);
    await peer.say(update(3, 200));
    assert.equal(peer.dataOf(3).length, 500);
    assert.equal(peer.connection.openStreams, 0);
    peer.clock.pass(300_000);
    assert.equal(peer.clock.pending, 0);
  });
});
