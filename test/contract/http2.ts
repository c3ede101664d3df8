// What every adapter of the HTTP/2 port owes its callers. A second adapter runs the same suite.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import { systemClock } from "@hydrascale/core/lib/clock";
import type { Clock } from "@hydrascale/core/lib/clock";
import type {
  ExchangeEnd,
  Http2Handler,
  Http2Limits,
  Http2Request,
  Http2Response,
  Http2Serve,
} from "@hydrascale/gateway/http2/port";
import { frame, headersFrame, pair, preface } from "./http2-pair.ts";
import { Rig, closed, eventually, reply, within } from "./http2-client.ts";

export type MakeServe = (clock: Clock, limits?: Partial<Http2Limits>) => Http2Serve;

/** Answers with what it got. */
const echo: Http2Handler = (request, response) => {
  response.respond(request.path === "/missing" ? 404 : 200, { "x-method": request.method });
  response.end(request.body);
};

/** A handler that hands out each exchange. */
function exchanges(): { handler: Http2Handler; next: () => Promise<[Http2Request, Http2Response]> } {
  const waiting: ((exchange: [Http2Request, Http2Response]) => void)[] = [];
  const handler: Http2Handler = (request, response) => waiting.shift()?.([request, response]);
  return { handler, next: () => within(3000, "a request", new Promise((resolve) => waiting.push(resolve))) };
}

const ended = (response: Http2Response): Promise<ExchangeEnd> =>
  within(3000, "the exchange's end", new Promise((resolve) => response.onClose(resolve)));

export function http2Contract(name: string, make: MakeServe): void {
  void suite(`http/2 port: ${name}`, () => {
    requests(make);
    responses(make);
    endings(make);
    limits(make);
    connections(make);
  });
}

function requests(make: MakeServe): void {
  test("a large body arrives whole in both directions", async () => {
    const rig = new Rig(make(systemClock), echo);
    const body = randomBytes(900_000);
    const got = await rig.ask({ ":path": "/machine/map" }, body);
    assert.equal(got.status, 200);
    assert.ok(got.body.equals(body));
    await rig.end();
  });

  test("a GET may have a body, and method, path, query and headers arrive as sent", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const answer = rig.ask(
      { ":method": "GET", ":path": "/tka/x?y=1", "ts-lb": ["a", "b"] },
      Buffer.from("{}"),
    );
    const [request, response] = await next();
    assert.equal(request.method, "GET");
    assert.equal(request.path, "/tka/x?y=1");
    assert.equal(request.body.toString(), "{}");
    assert.equal(request.headers["ts-lb"], "a, b");
    assert.ok(!Object.keys(request.headers).some((h) => h.startsWith(":")));
    response.respond(204);
    response.end();
    assert.equal((await answer).status, 204);
    await rig.end();
  });

  test("every authority is answered alike, and an unknown path does not end the connection", async () => {
    const rig = new Rig(make(systemClock), echo);
    assert.equal((await rig.ask({ ":path": "/missing" })).status, 404);
    for (const authority of ["unused", "control.example", "control.example:8443", "[::1]:80"]) {
      const got = await rig.ask({ ":path": "/", ":authority": authority }, Buffer.from(authority));
      assert.equal(got.body.toString(), authority);
    }
    await rig.end();
  });

  test("a connection carries many requests, one after the other and side by side", async () => {
    const rig = new Rig(make(systemClock), echo);
    for (let round = 0; round < 5; round++) {
      const bodies = Array.from({ length: 60 }, (_, i) => randomBytes((i * 977) % 40_000));
      const answers = await Promise.all(bodies.map((body) => rig.ask({ ":path": "/" }, body)));
      for (const [i, answer] of answers.entries()) assert.ok(answer.body.equals(bodies[i]!), `body ${i}`);
    }
    await rig.end();
  });
}

function responses(make: MakeServe): void {
  test("headers leave before the first byte of the body", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" }, Buffer.from("{}"));
    const [, response] = await next();
    const headers = new Promise((resolve) => stream.once("response", (h) => resolve(h[":status"])));
    response.respond(200);
    assert.equal(await within(2000, "the headers", headers), 200);
    response.end();
    assert.equal((await reply(stream)).body.length, 0);
    assert.equal(await ended(response), "complete");
    await rig.end();
  });

  test("a slow reader stops the writer, and draining starts it again without loss", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    stream.pause();
    const [, response] = await next();
    let drains = 0;
    response.onDrain(() => drains++);
    response.respond(200);
    const sent: Buffer[] = [];
    let room = true;
    while (room) {
      const chunk = randomBytes(20_000);
      sent.push(chunk);
      room = response.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(sent.length < 200, "the writer was never told to stop");
    }
    assert.ok(response.queued > 0);
    assert.equal(drains, 0);
    const got = reply(stream);
    stream.resume();
    await eventually("a drain", () => drains > 0);
    assert.equal(response.queued, 0);
    response.end(Buffer.from("last"));
    assert.ok((await got).body.equals(Buffer.concat([...sent, Buffer.from("last")])));
    await rig.end();
  });

  test("what one turn writes leaves together", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    const first = new Promise<Buffer>((resolve) => stream.once("data", resolve));
    await new Promise((resolve) => stream.once("response", resolve));
    await eventually("a quiet transport", () => rig.transport.writableLength === 0);
    const before = rig.transport.writes;
    for (const part of ["one", "two", "three"]) response.write(Buffer.from(part));
    assert.equal((await within(2000, "data", first)).toString(), "onetwothree");
    assert.ok(rig.transport.writes - before <= 2, `${rig.transport.writes - before} writes`);
    stream.close(8);
    await rig.end();
  });
}

function endings(make: MakeServe): void {
  test("a cancelled long poll is told once, frees its stream, and the connection goes on", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [request, response] = await next();
    let closes = 0;
    response.onClose(() => closes++);
    const { signal } = request;
    response.respond(200);
    response.write(Buffer.from("x"));
    await new Promise((resolve) => stream.once("data", resolve));
    stream.close(8);
    assert.equal(await ended(response), "aborted");
    assert.ok(signal.aborted);
    assert.equal(closes, 1);
    await eventually("the stream freed", () => rig.connection.openStreams === 0);
    const again = rig.ask({ ":path": "/" }, Buffer.from("still there"));
    const [second, answer] = await next();
    answer.respond(200);
    answer.end(second.body);
    assert.equal((await again).body.toString(), "still there");
    await rig.end();
  });

  test("nothing throws on an exchange whose peer is gone", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    stream.close(8);
    await ended(response);
    response.respond(200);
    assert.equal(response.write(Buffer.from("x")), false);
    response.end(Buffer.from("y"));
    response.reset();
    assert.ok(response.closed);
    await rig.end();
    response.respond(200);
    assert.equal(response.write(Buffer.from("x")), false);
    response.end();
  });

  test("a body that its sender takes back reaches no handler", async () => {
    const paths: string[] = [];
    const [client, server] = pair();
    const connection = make(systemClock)(server, (request, response) => {
      paths.push(request.path);
      echo(request, response);
    });
    client.resume();
    client.write(Buffer.concat([preface, headersFrame(1, "/half"), frame(0, 0, 1, Buffer.alloc(5000))]));
    await eventually("the stream", () => connection.openStreams === 1);
    client.write(frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))); // RST_STREAM(CANCEL)
    await eventually("the stream freed", () => connection.openStreams === 0);
    client.write(Buffer.concat([headersFrame(3, "/whole"), frame(0, 1, 3, Buffer.from("x"))]));
    await eventually("the whole one", () => paths.includes("/whole"));
    assert.deepEqual(paths, ["/whole"]);
    client.destroy();
    await within(2000, "the close", closed(connection));
  });

  test("reset ends the exchange for the peer too", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    await new Promise((resolve) => stream.once("response", resolve));
    response.reset();
    assert.equal((await reply(stream)).code, 8);
    assert.equal(await ended(response), "aborted");
    await rig.end();
  });

  test("reset and close work although nothing can be sent any more", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    await new Promise((resolve) => stream.once("response", resolve));
    rig.transport.stuck = true;
    while (response.write(Buffer.alloc(8000)));
    await new Promise((resolve) => setImmediate(resolve));
    response.reset();
    assert.equal(await ended(response), "aborted");
    assert.equal(rig.connection.openStreams, 0);
    rig.connection.close();
    await within(2000, "the close", closed(rig.connection));
    await eventually("the transport's end", () => rig.transport.destroyed);
  });

  test("the end of the connection ends its exchanges", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    rig.transport.destroy();
    assert.equal(await ended(response), "aborted");
    await within(2000, "the close", closed(rig.connection));
  });
}

function limits(make: MakeServe): void {
  test("a body over the limit is answered 413, announced or not, and the connection goes on", async () => {
    const rig = new Rig(make(systemClock, { bodyBytes: 100_000, connectionBodyBytes: 150_000 }), echo);
    const big = Buffer.alloc(100_001);
    assert.equal((await rig.ask({ ":path": "/", "content-length": big.length }, big)).status, 413);
    for (let i = 0; i < 5; i++) assert.equal((await rig.ask({ ":path": "/" }, big)).status, 413);
    // What the refused bodies held was given back, or this would be over the connection's budget.
    assert.equal((await rig.ask({ ":path": "/" }, big.subarray(1))).status, 200);
    await rig.end();
  });

  test("a body that never ends is refused at the limit, not gathered", async () => {
    const rig = new Rig(make(systemClock, { bodyBytes: 100_000 }), echo);
    const stream = rig.session.request({ ":method": "POST", ":path": "/" });
    stream.on("error", () => undefined);
    let sent = 0;
    const pump = (): void => {
      if (stream.destroyed || stream.writableEnded) return;
      sent += 16_384;
      stream.write(Buffer.alloc(16_384), () => setImmediate(pump));
    };
    pump();
    assert.equal((await reply(stream)).status, 413);
    assert.ok(sent < 2_000_000, `took ${sent} bytes`);
    await rig.end();
  });

  test("bodies that stay unfinished are bounded per connection and have a deadline", async () => {
    const rig = new Rig(make(systemClock, { connectionBodyBytes: 100_000, bodyMs: 200 }), echo);
    const slow = Array.from({ length: 4 }, () => {
      const stream = rig.session.request({ ":method": "POST", ":path": "/slow" });
      stream.on("error", () => undefined);
      stream.write(Buffer.alloc(40_000));
      return reply(stream);
    });
    const statuses = (await Promise.all(slow)).map((r) => r.status).sort((a, b) => a - b);
    assert.deepEqual(statuses, [408, 408, 503, 503]);
    assert.equal((await rig.ask({ ":path": "/" }, Buffer.alloc(90_000))).status, 200);
    await rig.end();
  });

  test("streams beyond the limit wait or are refused, and the others go on", async () => {
    let concurrent = 0;
    let most = 0;
    const rig = new Rig(make(systemClock, { streams: 20 }), (_request, response) => {
      most = Math.max(most, ++concurrent);
      response.onClose(() => concurrent--);
      setTimeout(() => {
        response.respond(200);
        response.end();
      }, 20);
    });
    const answers = await Promise.all(Array.from({ length: 60 }, () => rig.ask({ ":path": "/" })));
    assert.ok(answers.filter((a) => a.status === 200).length >= 20);
    assert.ok(most <= 20, `${most} at once`);
    await rig.end();
  });

  test("a header list over the limit costs the stream or the connection, never more", async () => {
    const rig = new Rig(make(systemClock, { headerBytes: 16_384 }), echo);
    const headers: Record<string, string> = {};
    for (let i = 0; i < 30; i++) headers[`x-fill-${i}`] = "v".repeat(2000);
    const got = await rig.ask({ ":path": "/", ...headers }).catch(() => undefined);
    assert.ok(got === undefined || got.status !== 200, "60 KB of headers were accepted");
    rig.session.destroy();
    await within(2000, "the close", closed(rig.connection));
  });

  test("a flood of resets ends the connection, or leaves it able to answer", async () => {
    let calls = 0;
    const rig = new Rig(make(systemClock), (request, response) => {
      calls++;
      echo(request, response);
    });
    for (let i = 0; i < 4000 && !rig.session.destroyed; i++) {
      rig.open({ ":path": "/" }).close(8);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const alive = await Promise.race([
      closed(rig.connection).then(() => false),
      rig.session.destroyed
        ? false
        : rig.ask({ ":path": "/" }).then(
            (r) => r.status === 200,
            () => false,
          ),
    ]);
    assert.ok(!alive || calls < 4000, `alive ${alive} after ${calls} calls`);
    rig.session.destroy();
    await within(2000, "the close", closed(rig.connection));
    assert.equal(rig.connection.openStreams, 0);
  });

  test("bytes that are no HTTP/2 end the connection", async () => {
    const [client, server] = pair();
    const connection = make(systemClock)(server, echo);
    client.resume();
    client.on("error", () => undefined);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await within(2000, "the close", closed(connection));
  });
}

function connections(make: MakeServe): void {
  test("goaway lets what is open finish and then closes", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    rig.connection.goaway();
    const got = reply(stream);
    await new Promise((resolve) => setImmediate(resolve));
    response.end(Buffer.from("last words"));
    assert.equal((await got).body.toString(), "last words");
    await within(2000, "the close", closed(rig.connection));
  });

  test("close ends everything now", async () => {
    const { handler, next } = exchanges();
    const rig = new Rig(make(systemClock), handler);
    rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    rig.connection.close();
    assert.equal(await ended(response), "aborted");
    await within(2000, "the close", closed(rig.connection));
    await eventually("the transport's end", () => rig.transport.destroyed);
  });

  test("a ping is answered while the peer is there, and not after", async () => {
    const rig = new Rig(make(systemClock), echo);
    await rig.ask({ ":path": "/" });
    assert.ok(((await rig.connection.ping()) ?? -1) >= 0);
    await rig.end();
    assert.equal(await rig.connection.ping(), undefined);
  });

  test("a connection is closed when no request comes, and when the last one is long past", async () => {
    const timers: { at: number; run: () => void }[] = [];
    let now = 0;
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      after: (ms, run) => {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer) >>> 0, 1);
      },
    };
    const pass = (ms: number): void => {
      now += ms;
      for (const timer of timers.filter((t) => t.at <= now)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
    };
    const serve = make(clock, { firstRequestMs: 1000, idleMs: 5000 });
    const silent = new Rig(serve, echo);
    pass(1000);
    await within(2000, "the silent one's end", closed(silent.connection));

    const { handler, next } = exchanges();
    const rig = new Rig(serve, handler);
    const stream = rig.open({ ":path": "/machine/map" });
    const [, response] = await next();
    response.respond(200);
    pass(1_000_000);
    assert.equal(rig.connection.openStreams, 1);
    response.end();
    await reply(stream);
    await eventually("no open stream", () => rig.connection.openStreams === 0);
    pass(4999);
    assert.ok(!rig.session.destroyed);
    pass(1);
    await within(2000, "the idle one's end", closed(rig.connection));
    assert.deepEqual(timers, [], "timers are left");
  });
}
