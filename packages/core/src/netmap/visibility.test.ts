import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { UserId } from "../domain/ids.ts";
import { closedPolicy } from "../domain/policy/compiled.ts";
import { compilePolicy } from "../domain/policy/compile.ts";
import { ClassGraph } from "./classes.ts";
import { Netmap } from "./engine.ts";
import { IdSet } from "./id-set.ts";
import { ClientNetmap, readFrame } from "./testing/apply.ts";
import { TestTailnet, epoch, testSettings } from "./testing/tailnet.ts";

const otto = 2 as UserId;

/** Nodes 1 and 2 of mira, 3 of otto, 4 tagged; and a way to watch one of them. */
function setup(policy: string) {
  const net = new TestTailnet();
  net.user(1, "mira");
  net.user(2, "otto");
  for (const id of [1, 2]) net.node(id);
  net.node(3, { user: otto });
  net.node(4, { user: null, tags: ["tag:web"] });
  for (const id of [1, 2, 3, 4]) net.presence(id, { online: true, lastSeen: epoch });
  net.policy(policy);
  const engine = new Netmap(net.directory, net.live, { compress: false, now: () => epoch + 1000 });
  const change = (write: () => void): void => engine.apply(net.message(write));
  const watch = (id: number) => {
    const state = { woken: 0 };
    const session = engine.open({ node: id as never, capver: 142, onDirty: () => (state.woken += 1) });
    assert.ok(session);
    const client = new ClientNetmap();
    for (const frame of session.full()) client.apply(readFrame(frame));
    const take = () => {
      const messages = session.take().map(readFrame);
      for (const message of messages) client.apply(message);
      return messages;
    };
    const peers = () => [...client.peers.keys()].toSorted((a, b) => a - b);
    return { client, take, peers, state };
  };
  return { net, engine, change, watch };
}

const miraToWeb = `{"tagOwners": {"tag:web": []},
  "acls": [{"action": "accept", "src": ["mira@"], "dst": ["tag:web:80", "mira@:*"]}]}`;

describe("netmap under a policy", () => {
  test("peers are those whom a rule lets reach the node, and those whom it may reach", () => {
    const { engine, watch } = setup(miraToWeb);
    assert.deepEqual(watch(1).peers(), [2, 4]);
    assert.deepEqual(watch(4).peers(), [1, 2]);
    assert.deepEqual(watch(3).peers(), []);
    assert.equal(engine.sees(1 as never, 4 as never), true);
    assert.equal(engine.sees(3 as never, 4 as never), false);
  });

  test("a filter names only the receiver's own addresses, and only sources of its rules", () => {
    const { watch } = setup(miraToWeb);
    assert.deepEqual(watch(3).client.fields.get("PacketFilter"), []);
    assert.deepEqual(watch(4).client.fields.get("PacketFilter"), [
      {
        SrcIPs: ["100.64.0.1", "fd7a:115c:a1e0::1", "100.64.0.2", "fd7a:115c:a1e0::2"],
        DstPorts: ["100.64.0.4", "fd7a:115c:a1e0::4"].map((IP) => ({ IP, Ports: { First: 80, Last: 80 } })),
      },
    ]);
  });

  test("`*` as a source is the tailnet, not everything", () => {
    const { watch } = setup('{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"]}]}');
    assert.deepEqual(watch(1).client.fields.get("PacketFilter"), [
      {
        SrcIPs: ["100.64.0.0/10", "fd7a:115c:a1e0::/48"],
        DstPorts: [{ IP: "*", Ports: { First: 22, Last: 22 } }],
      },
    ]);
  });

  test("`*` as a source includes a configured range outside the usual ones, from the change on", () => {
    const { net, change, watch } = setup('{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"]}]}');
    const { client, take } = watch(1);
    const prefixes = { v4: "10.77.0.0/16", v6: "fd7a:115c:a1e0:5::/64", allocation: "random" } as const;
    change(() => net.settings({ ...testSettings, prefixes }));
    take();
    const [rule] = client.fields.get("PacketFilter") as { SrcIPs: string[] }[];
    assert.deepEqual(rule?.SrcIPs, ["100.64.0.0/10", "fd7a:115c:a1e0::/48", "10.77.0.0/16"]);
  });

  test("what a node does is not told to those who may not see it", () => {
    const { net, change, watch } = setup(miraToWeb);
    const stranger = watch(3);
    change(() => net.presence(1, { endpoints: ["192.0.2.1:1"] }));
    change(() => net.node(5));
    change(() => net.node(2, { name: "other" }));
    change(() => net.directory.nodes.delete(5 as never));
    assert.equal(stranger.state.woken, 0);
  });

  test("a policy change tells both sides, with profiles, and the same policy again tells nobody", () => {
    const { net, change, watch } = setup('{"acls": []}');
    const viewer = watch(4);
    assert.deepEqual(viewer.peers(), []);
    change(() => net.policy(miraToWeb));
    const [message] = viewer.take();
    assert.deepEqual(Object.keys(message ?? {}).toSorted(), ["PacketFilter", "PeersChanged", "UserProfiles"]);
    assert.deepEqual(viewer.peers(), [1, 2]);
    change(() => net.policy(miraToWeb));
    assert.deepEqual(viewer.take(), []);
    change(() => net.policy('{"acls": []}'));
    assert.deepEqual(viewer.take(), [{ PacketFilter: [], PeersRemoved: [1, 2] }]);
  });

  test("a stored policy that does not compile allows nothing, and says so", () => {
    const { engine, watch } = setup('{"grants": []}');
    assert.deepEqual(watch(1).peers(), []);
    assert.deepEqual(watch(1).client.fields.get("PacketFilter"), []);
    assert.equal(engine.policyProblems.length, 1);
    assert.equal(engine.policy.tagExists("tag:web"), false);
  });

  test("a user who appears or is renamed counts at once, without a new policy", () => {
    const { net, change, watch } = setup(
      '{"groups": {"group:crew": ["late@"]}, "acls": [{"action": "accept", "src": ["group:crew"], "dst": ["*:*"]}]}',
    );
    const viewer = watch(1);
    change(() => net.user(2, "late"));
    viewer.take();
    assert.deepEqual(viewer.peers(), [3]);
    change(() => net.user(2, "otto"));
    viewer.take();
    assert.deepEqual(viewer.peers(), []);
  });

  test("a rule for a routed prefix gives the router's filter the approved route inside it", () => {
    const { net, change, watch } = setup(
      '{"acls": [{"action": "accept", "src": ["otto@"], "dst": ["10.0.0.0/8:443"]}]}',
    );
    const router = watch(1);
    change(() => net.node(1, { routes: ["10.1.0.0/16", "10.2.0.0/16"], approvedRoutes: ["10.1.0.0/16"] }));
    router.take();
    assert.deepEqual(router.peers(), [3]);
    assert.deepEqual(router.client.fields.get("PacketFilter"), [
      {
        SrcIPs: ["100.64.0.3", "fd7a:115c:a1e0::3"],
        DstPorts: [{ IP: "10.1.0.0/16", Ports: { First: 443, Last: 443 } }],
      },
    ]);
  });

  test("a peer that changes beyond a patch and leaves in one turn is away at the client too", () => {
    const { net, change, watch } = setup("{}");
    const { client, take } = watch(1);
    change(() => net.node(2, { expiry: epoch + 1e6 }));
    take();
    change(() => {
      net.node(2, { expiry: null });
      net.presence(2, { online: false, lastSeen: epoch + 5 });
    });
    take();
    assert.equal(client.peers.get(2)?.["LastSeen"], "2026-01-01T00:00:00.005Z");
    assert.equal(client.peers.get(2)?.["KeyExpiry"], undefined);
  });

  test("a disco key, or a LastSeen, that is no more comes as removal and arrival", () => {
    const { net, change, watch } = setup("{}");
    const { client, take } = watch(1);
    change(() => net.presence(2, { discoKey: `discokey:${"ab".repeat(32)}` as never, lastSeen: epoch + 1 }));
    change(() => net.presence(2, { online: false, lastSeen: epoch + 2 }));
    take();
    assert.ok(client.peers.get(2)?.["DiscoKey"]);
    change(() => net.presence(2, { discoKey: null, lastSeen: epoch + 3 }));
    assert.equal(take().length, 2);
    assert.equal(client.peers.get(2)?.["DiscoKey"], undefined);
    change(() => net.live.live.delete(2 as never));
    assert.equal(take().length, 2);
    assert.equal(client.peers.get(2)?.["LastSeen"], undefined);
  });

  test("peers get the listed part of Hostinfo only, and only the peerapi services", () => {
    const { net, change, watch } = setup("{}");
    change(() => {
      net.node(2, {
        routes: ["10.1.0.0/24"],
        host: {
          OS: "linux",
          Hostname: "two",
          OSVersion: "6",
          IPNVersion: "1.102.3",
          DeviceModel: "X1",
          Distro: "arch",
          ServicesHash: "h",
          sshHostKeys: ["ssh-ed25519 AAAA"],
        },
      });
      net.presence(2, {
        services: [
          { Proto: "peerapi4", Port: 4000 },
          { Proto: "tcp", Port: 22 },
        ],
      });
    });
    assert.deepEqual(watch(1).client.peers.get(2)?.["Hostinfo"], {
      OS: "linux",
      Hostname: "two",
      sshHostKeys: ["ssh-ed25519 AAAA"],
      Services: [{ Proto: "peerapi4", Port: 4000 }],
    });
  });
});

describe("classes", () => {
  const subject = (tags: string[]) => ({ addresses: [], routes: [], tags, user: undefined });

  test("nodes that no rule tells apart share a class, and an empty class is forgotten by its neighbours", () => {
    const compiled = compilePolicy(miraToWeb);
    assert.ok(compiled.ok);
    const graph = new ClassGraph(compiled.value.rules);
    const web = graph.classify(subject(["tag:web"]));
    const mira = graph.classify({
      ...subject([]),
      user: {
        id: 1 as UserId,
        name: "mira",
        displayName: "",
        email: "",
        provider: "",
        providerId: "",
        profilePicUrl: "",
        createdAt: 0,
      },
    });
    assert.equal(graph.classify(subject(["tag:web"])), web);
    assert.deepEqual([...web.sees], [mira]);
    graph.release(web);
    assert.deepEqual([...mira.sees], [mira]);
    assert.notEqual(graph.classify(subject(["tag:web"])), web);
  });

  test("under a closed policy there is one class, which sees nobody", () => {
    const graph = new ClassGraph(closedPolicy);
    const all = graph.classify(subject([]));
    assert.equal(graph.classify(subject(["tag:web"])), all);
    assert.equal(all.sees.size, 0);
  });
});

test("an id set holds small and large ids, also after it grew", () => {
  const set = new IdSet();
  const ids = [1, 31, 32, 200, 5000, 2147455555];
  for (const id of ids) set.add(id);
  for (const id of ids) assert.equal(set.has(id), true, String(id));
  for (const id of [2, 33, 4999, 2147455554]) assert.equal(set.has(id), false, String(id));
  set.clear();
  for (const id of ids) assert.equal(set.has(id), false, String(id));
});
