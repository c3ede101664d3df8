// The three shapes of /machine/map and what streams are told (protocol 6, 7, 17).

import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { MapFrameReader } from "@hydrascale/core/wire/map-frame";
import { decompress } from "@hydrascale/core/wire/zstd";
import { newDiscoKey, newNodeKey } from "../support/client/keys.ts";
import type { TestClient } from "../support/client/control.ts";
import type { MapMessage } from "../support/client/messages.ts";
import type { Answer } from "../support/client/noise-link.ts";
import type { MapStream } from "../support/client/stream.ts";
import { costlyFields } from "../support/client/netmap-lint.ts";
import { TestGateway } from "../support/gateway.ts";
import { LeapClock } from "../support/leap-clock.ts";

const clock = new LeapClock();
let gateway: TestGateway;

before(async () => {
  gateway = await TestGateway.start({ clock });
});
after(async () => {
  const findings = gateway.lint();
  await gateway.stop();
  assert.deepEqual(findings, []);
});

/** Two nodes of a user of their own, both connected, the second with endpoints and a home relay. */
async function pair(): Promise<{
  a: TestClient;
  b: TestClient;
  seen: MapStream;
  own: MapStream;
  id: number;
}> {
  const user = await gateway.user(`user${gateway.clients.length}`);
  const [a, b] = [await gateway.joined(user), await gateway.joined(user)];
  const seen = await a.up();
  const own = await b.up({ endpoints: ["192.0.2.1:1", "192.0.2.2:2"], homeDerp: 999 });
  const id = idOf(b);
  await seen.until(
    (netmap) => netmap.peers.get(id)?.HomeDERP === 999 && netmap.peers.get(id)?.Online === true,
  );
  return { a, b, seen, own, id };
}

const idOf = (client: TestClient): number => gateway.nodeOf(client)?.id ?? 0;

/** Everything the stream got until now, whatever is under way included: a change of our own that must come last. */
async function upToNow({
  b,
  seen,
  id,
}: {
  b: TestClient;
  seen: MapStream;
  id: number;
}): Promise<readonly MapMessage[]> {
  const from = seen.messages.length;
  const mark = `203.0.113.9:${1000 + seen.messages.length}`;
  await b.lite({ endpoints: [mark] });
  await seen.until((netmap) => netmap.peers.get(id)?.Endpoints?.[0] === mark);
  return seen.messages.slice(from, -1);
}

function messagesOf(answer: Answer): MapMessage[] {
  return [...new MapFrameReader(1 << 20).push(answer.body)].map((body) =>
    JSON.parse(decompress(body, 1 << 20).toString()),
  );
}

suite("the stream", () => {
  test("begins with a whole map", async () => {
    const { a } = await pair();
    const stream = await a.up();
    const [first] = stream.messages;
    assert.equal(first?.Node?.Key, a.node.text);
    assert.equal(first?.Peers?.length, gateway.tailnet.directory.nodes.size - 1);
    for (const field of [
      "DERPMap",
      "DNSConfig",
      "PacketFilter",
      "UserProfiles",
      "Domain",
      "SSHPolicy",
      "Debug",
    ])
      assert.ok(first?.[field] !== undefined, field);
    assert.deepEqual(first?.Debug, { DisableLogTail: true });
  });

  test("a second stream supersedes the first without a blip", async () => {
    const { b, seen, own, id } = await pair();
    const from = seen.messages.length;
    const second = await b.up({ endpoints: ["192.0.2.1:1", "192.0.2.2:2"], homeDerp: 999 });
    assert.equal((await own.ended).code, 0);
    await clock.leap(15_000);
    assert.ok(second.open);
    for (const message of await upToNow({ b, seen, id }))
      assert.notEqual(message.PeersChangedPatch?.find((p) => p.NodeID === id)?.Online, false);
    assert.equal(seen.netmap.peers.get(id)?.Online, true);
    assert.ok(seen.messages.length > from);
  });

  test("a node whose stream ended is offline after the grace and not before, with LastSeen", async () => {
    const { seen, own, id } = await pair();
    await own.close();
    await clock.leap(8000);
    assert.equal(seen.netmap.peers.get(id)?.Online, true);
    await clock.leap(3000);
    const netmap = await seen.until((n) => n.peers.get(id)?.Online === false);
    const lastSeen = Date.parse(netmap.peers.get(id)?.LastSeen ?? "");
    assert.ok(Math.abs(clock.now() - lastSeen) < 20_000, `LastSeen ${lastSeen}`);
    assert.deepEqual(costlyFields(seen.messages.at(-1) ?? {}), []);
  });

  test("a client that reconnects within the grace was never away", async () => {
    const { b, seen, own, id } = await pair();
    const from = seen.messages.length;
    await own.close();
    await clock.leap(5000);
    await b.up();
    await clock.leap(15_000);
    await upToNow({ b, seen, id });
    for (const message of seen.messages.slice(from))
      assert.notEqual(message.PeersChangedPatch?.find((p) => p.NodeID === id)?.Online, false);
  });

  test("is silent but for keep-alives of the exact bytes, between 50 and 60 s apart", async () => {
    const { a } = await pair();
    const stream = await a.up();
    const from = stream.received.length;
    await clock.leap(49_000);
    assert.equal(stream.received.length, from);
    const alive = stream.keepAlive(5000);
    await clock.leap(11_000);
    assert.equal((await alive).text, '{"KeepAlive":true}');
  });

  test("a deleted node is told once by an expired self, its stream ends, and then it gets 404 with a text", async () => {
    const { a, b, own, seen, id } = await pair();
    await gateway.ask("DELETE", `/api/v1/node/${id}`);
    const end = await own.ended;
    assert.equal(end.status, 200);
    assert.equal(end.code, 0);
    const told = own.messages.at(-1)?.Node;
    assert.ok(Date.parse(told?.KeyExpiry ?? "") <= clock.now(), `KeyExpiry ${told?.KeyExpiry}`);
    await seen.until((netmap) => !netmap.peers.has(id));
    const poll = await b.stream();
    assert.equal(await poll.status, 404);
    assert.notEqual((await poll.ended).text.trim(), "");
    assert.match((await b.register()).AuthURL ?? "", /register/);
    a.close();
  });

  test("a node deleted while it was away is told on its first poll, once", async () => {
    const { b, own, id } = await pair();
    await own.close();
    await gateway.ask("DELETE", `/api/v1/node/${id}`);
    const first = await b.stream();
    const told = await first.next((message) => message.Node !== undefined);
    assert.ok(Date.parse(told.Node?.KeyExpiry ?? "") <= clock.now());
    await first.ended;
    assert.equal(await (await b.stream()).status, 404);
    // The farewell is no map: it has no more than the client needs to stop.
    gateway.streams.splice(gateway.streams.indexOf(first), 1);
  });

  test("an unknown node key gets 404 with a text, and so does the key of another machine", async () => {
    const { b } = await pair();
    const stranger = await gateway.client();
    for (const [client, nodeKey] of [
      [stranger, stranger.node.text],
      [stranger, b.node.text],
      [b, newNodeKey().text],
    ] as const) {
      for (const answer of [
        await client.mapAnswer({ nodeKey }),
        await client.mapAnswer({ nodeKey, omitPeers: true }),
      ]) {
        assert.equal(answer.status, 404);
        assert.notEqual(answer.text.trim(), "");
      }
      const stream = await client.stream({ nodeKey });
      assert.equal(await stream.status, 404);
    }
  });

  test("a node that expires tells itself and its peers at that time, once", async () => {
    const { b, own, seen, id } = await pair();
    const expiry = clock.now() + 30_000;
    await gateway.ask("POST", `/api/v1/node/${id}/expire`, { expiry: new Date(expiry).toISOString() });
    await own.until((netmap) => netmap.node?.KeyExpiry !== undefined);
    await seen.until((netmap) => netmap.peers.get(id)?.KeyExpiry !== undefined);
    const selves = (): number => own.messages.filter((message) => message.Node !== undefined).length;
    const before = selves();
    await clock.leap(28_000);
    await upToNow({ b, seen, id });
    assert.equal(selves(), before);
    own.skip();
    await clock.leap(4000);
    const told = await own.next((message) => message.Node !== undefined);
    assert.ok(Date.parse(told.Node?.KeyExpiry ?? "") <= clock.now());
    await clock.leap(5000);
    await upToNow({ b, seen, id });
    assert.equal(selves(), before + 1);
    assert.equal((await b.register()).NodeKeyExpired, true);
  });
});

suite("a lite update", () => {
  test("is answered 200 with nothing, and the change reaches the peers as a patch", async () => {
    const { b, seen, id } = await pair();
    seen.skip();
    await b.lite({ endpoints: ["192.0.2.77:7"] });
    const message = await seen.next();
    assert.deepEqual(message.PeersChangedPatch, [{ NodeID: id, Endpoints: ["192.0.2.77:7"] }]);
    assert.deepEqual(costlyFields(message), []);
  });

  for (const [what, update] of [
    ["that repeats what is stored", { endpoints: ["192.0.2.1:1", "192.0.2.2:2"], homeDerp: 999 }],
    ["that only reorders", { endpoints: ["192.0.2.2:2", "192.0.2.1:1"] }],
    ["without Hostinfo", { endpoints: ["192.0.2.1:1", "192.0.2.2:2"], hostinfo: null }],
    ["without NetInfo", { endpoints: ["192.0.2.1:1", "192.0.2.2:2"] }],
    ["that is ReadOnly", { endpoints: ["192.0.2.99:9"], hostinfo: { Hostname: "other" }, readOnly: true }],
  ] as const) {
    test(`${what} is silent and changes nothing`, async () => {
      const here = await pair();
      const before = here.seen.netmap.peers.get(here.id);
      const node = gateway.nodeOf(here.b);
      await here.b.lite(update);
      assert.deepEqual(await upToNow(here), []);
      assert.deepEqual(gateway.nodeOf(here.b), node);
      assert.equal(here.seen.netmap.peers.get(here.id)?.HomeDERP, before?.HomeDERP);
      assert.deepEqual(here.seen.netmap.peers.get(here.id)?.Hostinfo, before?.Hostinfo);
    });
  }

  test("a burst of 50 reaches a peer in few messages, the last state last", async () => {
    const here = await pair();
    const from = here.seen.messages.length;
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => here.b.lite({ endpoints: [`192.0.2.50:${n + 1}`] })),
    );
    await upToNow(here);
    assert.ok(here.seen.messages.length - from <= 8, `${here.seen.messages.length - from} messages`);
  });

  test("a new disco key and home relay reach the peers", async () => {
    const { b, seen, id } = await pair();
    const disco = newDiscoKey();
    await b.lite({ discoKey: disco.text, homeDerp: 5, endpoints: ["192.0.2.1:1", "192.0.2.2:2"] });
    await seen.until(
      (netmap) => netmap.peers.get(id)?.DiscoKey === disco.text && netmap.peers.get(id)?.HomeDERP === 5,
    );
  });

  test("a new hostname renames the node for itself and its peers", async () => {
    const { b, seen, own, id } = await pair();
    const hostname = `renamed-${id}`;
    await b.lite({ hostinfo: { Hostname: hostname } });
    await seen.until((netmap) => netmap.peers.get(id)?.Name === `${hostname}.hydrascale.internal.`);
    await own.until((netmap) => netmap.node?.Name === `${hostname}.hydrascale.internal.`);
  });
});

suite("a one-shot request", () => {
  test("gets one whole map and the end, and makes nobody online", async () => {
    const user = await gateway.user(`user${gateway.clients.length}`);
    const client = await gateway.joined(user);
    const answer = await client.mapAnswer();
    assert.equal(answer.status, 200);
    const messages = messagesOf(answer);
    assert.equal(messages.length, 1);
    assert.equal(messages[0]?.Node?.Key, client.node.text);
    assert.notEqual(gateway.tailnet.live.live.get(idOf(client) as never)?.online, true);
  });

  test("that is ReadOnly stores nothing", async () => {
    const { b } = await pair();
    const [node, live] = [gateway.nodeOf(b), gateway.tailnet.live.live.get(idOf(b) as never)];
    await b.mapAnswer({ readOnly: true, endpoints: ["192.0.2.99:9"], hostinfo: { Hostname: "other" } });
    assert.deepEqual(gateway.nodeOf(b), node);
    assert.deepEqual(gateway.tailnet.live.live.get(idOf(b) as never), live);
  });
});

suite("ephemeral nodes", () => {
  const timeout = 30 * 60_000;
  const join = async (): Promise<TestClient> => {
    const user = await gateway.user(`user${gateway.clients.length}`);
    const { key } = await gateway.preAuthKey({ user, ephemeral: true });
    const client = await gateway.client();
    await client.register({ authKey: key });
    return client;
  };
  const gone = (client: TestClient): boolean => gateway.nodeOf(client) === undefined;

  test("one that left is deleted after its time, one that stayed is not, one that never polled is", async () => {
    const [left, stayed, never] = [await join(), await join(), await join()];
    const stream = await left.up();
    const kept = await stayed.up();
    await stream.close();
    await clock.leap(timeout - 60_000);
    assert.deepEqual([gone(left), gone(stayed), gone(never)], [false, false, false]);
    await clock.leap(90_000);
    assert.deepEqual([gone(left), gone(stayed), gone(never)], [true, false, true]);
    assert.ok(kept.open);
  });
});

suite("pings", () => {
  test("a connected client answers over Noise, one that is away is reported as such", async () => {
    const { a, b } = await pair();
    await a.up({ answerPings: true });
    const pinged = await gateway.tailnet.pingNode(idOf(a) as never);
    assert.ok(pinged.ok && pinged.value >= 0);
    b.close();
    const away = await gateway.joined(await gateway.user(`user${gateway.clients.length}`));
    const silent = await gateway.tailnet.pingNode(idOf(away) as never);
    assert.ok(!silent.ok && silent.error.code === "precondition");
  });
});
