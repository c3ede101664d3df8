import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { FakeClock } from "@hydrascale/core/lib/fake-clock";
import { frame, frameType } from "@hydrascale/core/wire/derp/frames";
import type { DerpCount } from "./counters.ts";
import { Outbox } from "./outbox.ts";
import { DerpServer } from "./server.ts";
import type { Transport } from "./transport.ts";

/** A transport whose far side takes bytes only when told to. */
class HeldTransport implements Transport {
  readonly sent: Uint8Array[] = [];
  readonly #waiting: (() => void)[] = [];
  ended = false;
  data: (chunk: Uint8Array) => void = () => {};
  #close: () => void = () => {};

  send(bytes: Uint8Array, sent: () => void): void {
    this.sent.push(bytes);
    this.#waiting.push(sent);
  }
  /** The kernel takes the oldest `count` writes. */
  take(count: number): void {
    for (const sent of this.#waiting.splice(0, count)) sent();
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.destroy();
  }
  destroy(): void {
    this.ended = true;
    this.#close();
  }
  listen(on: { data: (chunk: Uint8Array) => void; close: () => void }): void {
    this.data = on.data;
    this.#close = on.close;
  }
}

function setUp(): {
  transport: HeldTransport;
  clock: FakeClock;
  outbox: Outbox;
  counts: DerpCount[];
  stuck: () => number;
} {
  const transport = new HeldTransport();
  const clock = new FakeClock();
  const counts: DerpCount[] = [];
  let stuck = 0;
  const counters = { add: (name: DerpCount) => void counts.push(name) };
  const outbox = new Outbox({ transport, clock, counters, onStuck: () => stuck++ });
  return { transport, clock, outbox, counts, stuck: () => stuck };
}

const full = new Uint8Array(64 << 10);
const named = (name: number): Uint8Array => Uint8Array.of(name);
const names = (transport: HeldTransport): (number | undefined)[] =>
  transport.sent.filter((bytes) => bytes.length === 1).map((bytes) => bytes[0]);

suite("outbox", () => {
  test("behind a full window control goes first, path discovery second, data last, each in its order", () => {
    const { transport, outbox } = setUp();
    outbox.packet(full, false);
    outbox.packet(named(5), false);
    outbox.packet(named(6), false);
    outbox.packet(named(3), true);
    outbox.packet(named(4), true);
    outbox.control(named(1));
    outbox.pong(named(2));
    assert.deepEqual(names(transport), []);
    transport.take(1);
    assert.deepEqual(names(transport), [1, 2, 3, 4, 5, 6]);
  });

  test("a full queue forgets its oldest, and data never pushes path discovery out", () => {
    const { transport, outbox, counts } = setUp();
    outbox.packet(full, false);
    outbox.packet(named(200), true);
    for (let i = 0; i < 40; i++) outbox.packet(named(i), false);
    assert.deepEqual(
      counts,
      Array.from({ length: 8 }, () => "packets_dropped_full"),
    );
    transport.take(1);
    assert.deepEqual(names(transport), [200, ...Array.from({ length: 32 }, (_, i) => i + 8)]);
  });

  test("two seconds without any progress are stuck, slow progress is not", async () => {
    const { transport, clock, outbox, stuck } = setUp();
    for (let i = 0; i < 4; i++) outbox.packet(full, false);
    for (let i = 0; i < 3; i++) {
      await clock.advance(1900);
      transport.take(1);
    }
    assert.equal(stuck(), 0);
    await clock.advance(1999);
    assert.equal(stuck(), 0);
    await clock.advance(1);
    assert.equal(stuck(), 1);
  });

  test("an outbox that was emptied leaves no timer that could call it stuck", async () => {
    const { transport, clock, outbox, stuck } = setUp();
    outbox.packet(full, false);
    transport.take(1);
    await clock.advance(1500);
    outbox.packet(full, false);
    await clock.advance(1500);
    assert.equal(stuck(), 0);
    await clock.advance(500);
    assert.equal(stuck(), 1);
  });

  test("pongs are left out and control frames end the client when they pile up", () => {
    const { outbox, stuck } = setUp();
    outbox.packet(full, false);
    const empty = outbox.held;
    for (let i = 0; i < 100; i++) outbox.pong(named(1));
    assert.equal(outbox.held - empty, 32);
    for (let i = 0; i < 1024 - 32; i++) outbox.control(named(2));
    assert.equal(stuck(), 0);
    outbox.control(named(2));
    assert.equal(stuck(), 1);
  });

  test("a closed outbox holds and sends nothing more", () => {
    const { transport, outbox } = setUp();
    outbox.packet(full, false);
    outbox.packet(named(1), false);
    outbox.close();
    transport.take(1);
    outbox.control(named(2));
    assert.deepEqual(names(transport), []);
    assert.equal(outbox.held, 0);
  });
});

suite("clients that never finish their handshake", () => {
  test("hold 64 MiB together and no more, and give it back", async () => {
    const clock = new FakeClock();
    const counts = new Map<DerpCount, number>();
    const derp = new DerpServer({
      privateKey: new Uint8Array(32).fill(9),
      admit: () => true,
      clock,
      counters: { add: (name, by) => counts.set(name, (counts.get(name) ?? 0) + by) },
    });
    // One byte short of the longest client info; all share one piece of memory here, not in the server.
    const almost = frame(frameType.clientInfo, new Uint8Array(256 << 10)).subarray(0, 256 << 10);
    const start = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const transport = new HeldTransport();
        derp.serve(transport, "192.0.2.1");
        transport.data(almost);
      }
    };
    start(260);
    assert.equal(derp.stats().handshakes, 256);
    assert.equal(counts.get("overloaded"), 4);
    await clock.advance(10_000);
    assert.equal(derp.stats().handshakes, 0);
    start(1);
    assert.equal(derp.stats().handshakes, 1);
    await derp.close();
  });
});
