import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { MapMessage, PeerNode, Received } from "./messages.ts";
import { costlyFields, lintStream } from "./netmap-lint.ts";
import { applyMessage, emptyNetmap, packetFilter } from "./netmap.ts";
import type { Netmap } from "./netmap.ts";

const hex = (id: number): string => id.toString(16).padStart(64, "0");

const node = (ID: number, more: Partial<PeerNode> = {}): PeerNode => ({
  ID,
  Name: `n${ID}.example.`,
  User: 1,
  Key: `nodekey:${hex(ID)}`,
  DiscoKey: `discokey:${hex(ID)}`,
  Addresses: [`100.64.0.${ID}/32`],
  AllowedIPs: [`100.64.0.${ID}/32`],
  Hostinfo: {},
  Cap: 142,
  Online: true,
  HomeDERP: 1,
  Endpoints: ["192.0.2.1:1"],
  Created: "2026-01-01T00:00:00Z",
  ...more,
});

const whole = (peers: PeerNode[], more: MapMessage = {}): MapMessage => ({
  Node: node(99),
  ...(peers.length === 0 ? {} : { Peers: peers }),
  DERPMap: { Regions: { "1": { RegionID: 1 } } },
  DNSConfig: {},
  Domain: "example",
  SSHPolicy: { rules: [] },
  PacketFilter: [],
  UserProfiles: [{ ID: 1, LoginName: "a" }],
  ...more,
});

const fold = (...messages: MapMessage[]): Netmap => {
  const netmap = emptyNetmap();
  for (const message of messages) applyMessage(netmap, message, "2026-02-02T00:00:00Z");
  return netmap;
};

const received = (...messages: MapMessage[]): Received[] =>
  messages.map((message, i) => {
    const text = JSON.stringify(message);
    return { message, text, bodyBytes: message.KeepAlive === true ? 27 : 1000 + text.length, at: i * 1000 };
  });

suite("the fold of a client", () => {
  test("a list that is not empty replaces all and hides the deltas beside it; an empty one does nothing", () => {
    const netmap = fold(whole([node(1), node(2)]), {
      Peers: [node(3)],
      PeersRemoved: [3],
      PeersChanged: [node(4)],
    });
    assert.deepEqual([...netmap.peers.keys()], [3]);
    assert.deepEqual([...fold(whole([node(1)]), { Peers: [] }).peers.keys()], [1]);
  });

  test("removals, upserts, seen, online and patches apply in this order", () => {
    const netmap = fold(whole([node(1), node(2)]), {
      PeersRemoved: [2],
      PeersChanged: [node(3, { Online: false })],
      PeerSeenChange: { "1": true },
      OnlineChange: { "1": false, "3": true },
      PeersChangedPatch: [
        { NodeID: 1, Online: true, DERPRegion: 7, Endpoints: [] },
        { NodeID: 2, Online: false },
      ],
    });
    assert.deepEqual([...netmap.peers.keys()], [1, 3]);
    assert.equal(netmap.peers.get(1)?.Online, true);
    assert.equal(netmap.peers.get(1)?.HomeDERP, 7);
    assert.deepEqual(netmap.peers.get(1)?.Endpoints, []);
    assert.equal(netmap.peers.get(1)?.LastSeen, "2026-02-02T00:00:00Z");
    assert.equal(netmap.peers.get(3)?.Online, true);
  });

  test("a peer that one message removes and changes vanishes", () => {
    const netmap = fold(whole([node(1)]), { PeersRemoved: [1], PeersChanged: [node(1, { HomeDERP: 2 })] });
    assert.equal(netmap.peers.size, 0);
  });

  test("an upsert loses what a patch cannot say, unless another field makes it literal", () => {
    const { Endpoints: _, ...bare } = node(1, { HomeDERP: 0 });
    assert.deepEqual(fold(whole([node(1)]), { PeersChanged: [bare] }).peers.get(1), node(1));
    const renamed = { ...bare, Name: "other.example." };
    assert.deepEqual(fold(whole([node(1)]), { PeersChanged: [renamed] }).peers.get(1), renamed);
  });

  test("filter chunks are patched by name and joined in the order of their names", () => {
    const rule = (ip: string): { SrcIPs: string[] } => ({ SrcIPs: [ip] });
    const netmap = fold(whole([], { PacketFilter: [rule("1.1.1.1")] }), {
      PacketFilters: { a: [rule("2.2.2.2")], z: [rule("3.3.3.3")] },
    });
    assert.deepEqual(packetFilter(netmap), [rule("2.2.2.2"), rule("1.1.1.1"), rule("3.3.3.3")]);
    applyMessage(netmap, { PacketFilters: { "*": null, z: [] } });
    assert.deepEqual([...netmap.filters.keys()], ["z"]);
  });
});

suite("the lint", () => {
  const finds = (pattern: RegExp, ...messages: MapMessage[]): void => {
    const found = lintStream(received(...messages));
    assert.ok(
      found.some((what) => pattern.test(what)),
      `${pattern} not in ${JSON.stringify(found)}`,
    );
  };

  test("a correct stream has no findings", () => {
    const found = lintStream(
      received(
        whole([node(1), node(2)]),
        { KeepAlive: true },
        { PeersChangedPatch: [{ NodeID: 1, Online: false, LastSeen: "2026-01-01T00:00:00.5Z" }] },
        { PeersRemoved: [1, 2] },
        { PeersChanged: [node(3, { User: 2 })], UserProfiles: [{ ID: 2 }] },
        {
          PacketFilter: [
            {
              SrcIPs: ["100.64.0.1", "fd7a::/16", "*", "10.0.0.1-10.0.0.9"],
              DstPorts: [{ IP: "0.0.0.0/0" }],
            },
          ],
        },
      ),
    );
    assert.deepEqual(found, []);
  });

  test("finds each hazard", () => {
    const start = whole([node(1)]);
    finds(/no Node/, { PeersRemoved: [] });
    finds(/no profile of its own user/, whole([], { UserProfiles: [] }));
    finds(/Peers is \[\]/, start, { Peers: [] });
    finds(/both removed and changed/, start, { PeersRemoved: [1], PeersChanged: [node(1, { Cap: 1 })] });
    finds(/removes peer 5, never told/, start, { PeersRemoved: [5] });
    finds(/patches peer 5, never told/, start, { PeersChangedPatch: [{ NodeID: 5 }] });
    finds(/OnlineChange of peer 5/, start, { OnlineChange: { "5": true } });
    finds(/new HomeDERP of peer 1 is lost/, start, { PeersChanged: [node(1, { HomeDERP: 0 })] });
    finds(/new LastSeen of peer 1 is lost/, start, {
      PeersChanged: [node(1, { LastSeen: "2026-01-01T00:00:00Z" })],
    });
    finds(/user 2, whose profile never came/, start, { PeersChanged: [node(2, { User: 2 })] });
    finds(/peer 2 has no Online/, start, { PeersChanged: [node(2, { Online: null })] });
    finds(/host bits/, start, { PacketFilter: [{ SrcIPs: ["10.0.0.1/8"] }] });
    finds(/host bits/, start, { PacketFilter: [{ DstPorts: [{ IP: "fd7a:1::1/64" }] }] });
    finds(/is empty/, start, { PacketFilter: [{ SrcIPs: [""] }] });
    finds(/SrcBits/, start, { PacketFilter: [{ SrcIPs: ["*"], SrcBits: [8] }] });
    finds(/null instead of \[\]/, start, { PacketFilter: null });
    finds(/is no time: ""/, start, { PeersChanged: [node(2, { LastSeen: "" })] });
    finds(/Key is no key/, start, { PeersChangedPatch: [{ NodeID: 1, Key: "" }] });
    finds(/region 2 is null/, whole([], { DERPMap: { Regions: { "2": null } } }));
    finds(/a keep-alive that is/, start, { KeepAlive: true, Domain: "x" });
  });

  test("finds a message as long as the keep-alive, before or after it", () => {
    const list = received(whole([node(1)]), { Domain: "abcde" }, { KeepAlive: true });
    const hazard = list.map((r) => (r.message.Domain === "abcde" ? { ...r, bodyBytes: 27 } : r));
    assert.match(lintStream(hazard).join(), /message 1: as long as a keep-alive/);
  });

  test("names what makes a client rebuild", () => {
    assert.deepEqual(costlyFields({ PeersChangedPatch: [{ NodeID: 1, Online: true, Endpoints: [] }] }), []);
    assert.deepEqual(costlyFields({ Node: node(1), PeersChangedPatch: [{ NodeID: 1, DiscoKey: "x" }] }), [
      "Node",
      "PeersChangedPatch.DiscoKey",
    ]);
  });
});
