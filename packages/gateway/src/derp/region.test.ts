import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { DERPMap } from "@hydrascale/core/wire/tailcfg/derp";
import { embeddedRegion, type EmbeddedRelay, forClient } from "./region.ts";

const pin = `sha256-raw:${"ab".repeat(32)}`;
const relay: EmbeddedRelay = {
  regionId: 999,
  code: "self",
  name: "Embedded",
  hostName: "10.0.0.7",
  ipv4: "",
  ipv6: "",
  derpPort: 8080,
  stunPort: 3478,
  pin,
};

suite("embedded region", () => {
  test("one node with its pin, and a family without an address is switched off", () => {
    assert.deepEqual(embeddedRegion(relay), {
      RegionID: 999,
      RegionCode: "self",
      RegionName: "Embedded",
      Nodes: [
        {
          Name: "999a",
          RegionID: 999,
          HostName: "10.0.0.7",
          CertName: pin,
          IPv4: "10.0.0.7",
          IPv6: "none",
          STUNPort: 3478,
          DERPPort: 8080,
        },
      ],
    });
  });

  test("addresses given win over the host name, a v6 literal switches v4 off, a name leaves v4 to DNS", () => {
    const families = (change: Partial<EmbeddedRelay>): (string | undefined)[] => {
      const [node] = embeddedRegion({ ...relay, ...change }).Nodes;
      return [node?.IPv4, node?.IPv6];
    };
    assert.deepEqual(families({ ipv4: "203.0.113.7", ipv6: "2001:db8::7" }), ["203.0.113.7", "2001:db8::7"]);
    assert.deepEqual(families({ hostName: "2001:db8::1" }), ["none", "2001:db8::1"]);
    assert.deepEqual(families({ hostName: "relay.test" }), ["", "none"]);
    assert.deepEqual(families({ ipv4: "none", ipv6: "2001:db8::7" }), ["none", "2001:db8::7"]);
  });
});

suite("relay map per client version", () => {
  const map: DERPMap = {
    Regions: {
      "999": embeddedRegion(relay),
      "900": { ...embeddedRegion({ ...relay, regionId: 900, hostName: "relay.test", pin: undefined }) },
    },
  };

  test("clients that know pins get the map itself", () => {
    assert.equal(forClient(map, 115), map);
  });

  test("older ones get unverified nodes in place of pins, the same object each time, and nothing else changed", () => {
    const older = forClient(map, 114);
    assert.equal(forClient(map, 113), older);
    const node = older.Regions["999"]?.Nodes[0];
    assert.equal(node?.InsecureForTests, true);
    assert.ok(node !== undefined && !("CertName" in node));
    assert.deepEqual(older.Regions["900"], map.Regions["900"]);
    assert.equal(map.Regions["999"]?.Nodes[0]?.CertName, pin);
  });

  test("a map without pins is the same for all", () => {
    const plain: DERPMap = {
      Regions: { "900": embeddedRegion({ ...relay, regionId: 900, pin: undefined }) },
    };
    assert.equal(forClient(plain, 113), plain);
  });
});
