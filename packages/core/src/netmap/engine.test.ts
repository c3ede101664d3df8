import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Netmap } from "./engine.ts";
import { ClientNetmap, readFrame } from "./testing/apply.ts";
import { TestTailnet, epoch, testSettings } from "./testing/tailnet.ts";

type Json = Record<string, unknown>;

const object = (value: unknown): Json => (value ?? {}) as Json;
const list = (value: unknown): Json[] => (value ?? []) as Json[];

/** A tailnet with users 1 and 2, and as many nodes as asked. */
function setup(nodes: number): { net: TestTailnet; engine: Netmap; change: (write: () => void) => void } {
  const net = new TestTailnet();
  net.user(1, "mira", { displayName: "Mira" });
  net.user(2, "otto");
  for (let id = 1; id <= nodes; id++) {
    net.node(id);
    net.presence(id, { online: true });
  }
  const engine = new Netmap(net.directory, net.live, { compress: false, now: () => epoch + 1000 });
  return { net, engine, change: (write) => engine.apply(net.message(write)) };
}

/** Opens the node's stream and swallows the first map. */
function watch(engine: Netmap, id: number, capver = 142) {
  const woken = { times: 0 };
  const session = engine.open({ node: id as never, capver, onDirty: () => woken.times++ });
  assert.ok(session);
  const client = new ClientNetmap();
  for (const frame of session.full()) client.apply(readFrame(frame));
  const take = (): Json[] => session.take().map(readFrame);
  return { session, client, take, woken };
}

describe("netmap engine", () => {
  test("the first map is complete", () => {
    const { engine } = setup(3);
    const { client } = watch(engine, 1);
    assert.deepEqual(
      [...client.peers.keys()].toSorted((a, b) => a - b),
      [2, 3],
    );
    assert.equal(client.self?.["Name"], "node1.net.test.");
    assert.equal(client.self?.["MachineAuthorized"], true);
    assert.deepEqual(client.fields.get("PacketFilter"), [
      { SrcIPs: ["*"], DstPorts: [{ IP: "*", Ports: { First: 0, Last: 65535 } }] },
    ]);
    for (const name of ["DERPMap", "DNSConfig", "Domain", "SSHPolicy", "Health", "Debug", "ControlTime"])
      assert.ok(client.fields.has(name), name);
    assert.deepEqual(client.users.get(1), { ID: 1, LoginName: "mira", DisplayName: "Mira" });
  });

  test("an endpoint change is one cheap patch, encoded once for all, and wakes each stream once", () => {
    const { net, engine, change } = setup(50);
    const watching = Array.from({ length: 49 }, (_, i) => watch(engine, i + 2));
    const before = engine.encoded;
    change(() => net.presence(1, { endpoints: ["192.0.2.1:41641"] }));
    const frames = watching.map((w) => w.session.take());
    assert.equal(engine.encoded - before, 1);
    assert.ok(frames.every((f) => f.length === 1 && f[0] === frames[0]?.[0]));
    assert.deepEqual(readFrame(frames[0]![0]!), {
      PeersChangedPatch: [{ NodeID: 1, Endpoints: ["192.0.2.1:41641"] }],
    });
    assert.ok(watching.every((w) => w.woken.times === 1));
  });

  test("another order of endpoints is no news", () => {
    const { net, engine, change } = setup(2);
    const { woken } = watch(engine, 1);
    change(() => net.presence(2, { endpoints: ["192.0.2.1:1", "192.0.2.2:2"] }));
    assert.equal(woken.times, 1);
    const other = watch(engine, 1);
    change(() => net.presence(2, { endpoints: ["192.0.2.2:2", "192.0.2.1:1"] }));
    assert.equal(other.woken.times, 0);
  });

  test("a joining node comes with its owner's profile, once", () => {
    const { net, engine, change } = setup(1);
    const { take } = watch(engine, 1);
    change(() => net.node(2, { user: 2 as never }));
    const [first, ...rest] = take();
    assert.deepEqual(rest, []);
    assert.deepEqual(
      list(first?.["UserProfiles"]).map((u) => u["ID"]),
      [2],
    );
    assert.equal(list(first?.["PeersChanged"])[0]?.["Online"], false);
    change(() => net.node(3, { user: 2 as never }));
    assert.equal(take()[0]?.["UserProfiles"], undefined);
  });

  test("the last peer leaves by PeersRemoved", () => {
    const { net, engine, change } = setup(2);
    const { take } = watch(engine, 1);
    change(() => net.directory.nodes.delete(2 as never));
    assert.deepEqual(take(), [{ PeersRemoved: [2] }]);
    assert.deepEqual(take(), []);
  });

  test("a deleted node is told by an expired self node, and nothing follows", () => {
    const { net, engine, change } = setup(2);
    const { session, take, woken } = watch(engine, 1);
    change(() => {
      net.directory.nodes.delete(1 as never);
      net.live.live.delete(1 as never);
    });
    assert.equal(woken.times, 1);
    const self = object(take()[0]?.["Node"]);
    assert.ok(Date.parse(String(self["KeyExpiry"])) < epoch);
    assert.equal(self["Expired"], true);
    assert.equal(session.ended, true);
    change(() => net.node(3));
    assert.deepEqual(take(), []);
  });

  test("a key that expires by time is told to itself and to its peers", () => {
    const { net, engine, change } = setup(2);
    const a = watch(engine, 1);
    const b = watch(engine, 2);
    change(() => net.node(1, { expiry: epoch + 1500 }));
    assert.equal(b.take()[0]?.["PeersChanged"], undefined);
    a.take();
    change(() => net.node(1, { expiry: epoch + 500 }));
    assert.equal(object(a.take()[0]?.["Node"])["Expired"], true);
    assert.equal(list(b.take()[0]?.["PeersChanged"])[0]?.["Expired"], true);
  });

  test("a lost home relay, which no patch can say, comes as removal and arrival in two messages", () => {
    const { net, engine, change } = setup(2);
    const { take } = watch(engine, 1);
    change(() => net.presence(2, { derp: 7 }));
    assert.deepEqual(take(), [{ PeersChangedPatch: [{ NodeID: 2, DERPRegion: 7 }] }]);
    change(() => net.presence(2, { derp: 0 }));
    const frames = take();
    assert.equal(frames.length, 2);
    assert.deepEqual(frames[0], { PeersRemoved: [2] });
    assert.equal(list(frames[1]?.["PeersChanged"])[0]?.["ID"], 2);
  });

  test("patches never share a message with fields that make clients rebuild", () => {
    const { net, engine, change } = setup(2);
    const { take } = watch(engine, 1);
    change(() => {
      net.presence(2, { endpoints: ["192.0.2.1:1"] });
      net.settings({ ...testSettings, dns: { ...testSettings.dns, searchDomains: ["other.test"] } });
    });
    assert.deepEqual(
      take().map((m) => Object.keys(m)),
      [["DNSConfig"], ["PeersChangedPatch"]],
    );
  });

  test("a renamed user reaches streams that know the user, and no others", () => {
    const { net, engine, change } = setup(2);
    const { take, woken } = watch(engine, 1);
    change(() => net.user(2, "oscar"));
    assert.equal(woken.times, 0);
    change(() => net.user(1, "mirabel"));
    assert.deepEqual(take(), [{ UserProfiles: [{ ID: 1, LoginName: "mirabel", DisplayName: "Mira" }] }]);
  });

  test("a NextDNS resolver names the device", () => {
    const { net, engine, change } = setup(1);
    change(() =>
      net.settings({
        ...testSettings,
        dns: { ...testSettings.dns, nameservers: ["https://dns.nextdns.io/abc"] },
      }),
    );
    const { client, take } = watch(engine, 1);
    assert.deepEqual(object(client.fields.get("DNSConfig"))["Resolvers"], [
      { Addr: "https://dns.nextdns.io/abc?device_ip=100.64.0.1&device_model=linux&device_name=node1" },
    ]);
    change(() => net.node(1, { name: "other" }));
    assert.match(JSON.stringify(take()[0]?.["DNSConfig"]), /device_name=other/);
  });

  test("approved routes are the lowest router's, exit routes every exit node's", () => {
    const { net, engine, change } = setup(3);
    const { client, take } = watch(engine, 1);
    const routes = ["10.1.0.0/24", "0.0.0.0/0", "::/0"];
    change(() => {
      for (const id of [2, 3]) net.node(id, { routes, approvedRoutes: ["0.0.0.0/0", "10.1.0.0/24"] });
    });
    for (const m of take()) client.apply(m);
    assert.deepEqual(client.peers.get(2)?.["PrimaryRoutes"], ["10.1.0.0/24"]);
    assert.equal(client.peers.get(3)?.["PrimaryRoutes"], undefined);
    assert.deepEqual(list(client.peers.get(3)?.["AllowedIPs"]).slice(2), ["0.0.0.0/0", "::/0"]);
    change(() => net.node(2, { approvedRoutes: [] }));
    for (const m of take()) client.apply(m);
    assert.deepEqual(client.peers.get(3)?.["PrimaryRoutes"], ["10.1.0.0/24"]);
  });
});
