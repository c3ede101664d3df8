import assert from "node:assert/strict";
import { test } from "node:test";
import { hostBounds, hostFacts, homeRegion, boundServices } from "./hostinfo.ts";
import { parseMapRequest, parseRegisterRequest } from "./inbound.ts";

const nodeKey = `nodekey:${"ab".repeat(32)}`;
const body = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const register = (value: unknown) => parseRegisterRequest(body(value));
const map = (value: unknown) => parseMapRequest(body(value));

test("a register request as a 1.102 client sends it", () => {
  const parsed = register({
    Version: 142,
    NodeKey: nodeKey,
    OldNodeKey: `nodekey:${"0".repeat(64)}`,
    NLKey: `nlpub:${"cd".repeat(32)}`,
    Auth: { AuthKey: "hskey-auth-x" },
    Expiry: "0001-01-01T00:00:00Z",
    Followup: "",
    Hostinfo: {
      IPNVersion: "1.102.5-t1",
      OS: "linux",
      Hostname: "box",
      RoutableIPs: ["10.1.2.3/8", "10.0.0.0/8", "::/0"],
      RequestTags: ["tag:a", "tag:a"],
      Services: [{ Proto: "peerapi4", Port: 4242 }],
      Userspace: false,
      SomethingNew: { deep: [1] },
    },
    NodeKeySignature: null,
    AnotherNewField: true,
  });
  assert.ok(parsed.ok);
  assert.equal(parsed.value.NodeKey, nodeKey);
  assert.deepEqual(parsed.value.Auth, { AuthKey: "hskey-auth-x" });
  assert.ok(!("NodeKeySignature" in parsed.value));
  assert.deepEqual(hostFacts(parsed.value.Hostinfo!), {
    host: { OS: "linux", IPNVersion: "1.102.5-t1", Hostname: "box" },
    routes: ["10.0.0.0/8", "::/0"],
    requestTags: ["tag:a"],
  });
});

test("null is as good as absent everywhere", () => {
  const names = [
    "Version",
    "NodeKey",
    "OldNodeKey",
    "NLKey",
    "Auth",
    "Expiry",
    "Followup",
    "Hostinfo",
    "Ephemeral",
  ];
  const nulls = Object.fromEntries(names.map((name) => [name, null]));
  assert.deepEqual(register(nulls), register({}));
  const info = map({
    NodeKey: nodeKey,
    Hostinfo: { ShieldsUp: null, AppConnector: null, NetInfo: null, OS: null },
  });
  assert.deepEqual(info.ok && info.value.Hostinfo, {});
});

test("a wrong type or malformed text refuses the body and names the field", () => {
  const cases: [unknown, RegExp][] = [
    [[], /^body: /],
    [{ Version: "142" }, /^Version: /],
    [{ Version: 1.5 }, /^Version: /],
    [{ Version: 1e300 }, /^Version: /],
    [{ NodeKey: "nodekey:00" }, /^NodeKey: /],
    [{ OldNodeKey: 7 }, /^OldNodeKey: /],
    [{ Expiry: "tomorrow" }, /^Expiry: /],
    [{ Ephemeral: "yes" }, /^Ephemeral: /],
    [{ Auth: "key" }, /^Auth: /],
    [{ Hostinfo: [] }, /^Hostinfo: /],
    [{ Hostinfo: { Hostname: 5 } }, /^Hostinfo\.Hostname: /],
    [{ Hostinfo: { RoutableIPs: ["10.0.0.0"] } }, /^Hostinfo\.RoutableIPs: /],
    [{ Hostinfo: { NetInfo: { PreferredDERP: "1" } } }, /^Hostinfo\.NetInfo\.PreferredDERP: /],
    [{ Hostinfo: { Services: [{ Port: 65_536 }] } }, /^Hostinfo\.Services\.0\.Port: /],
  ];
  for (const [value, message] of cases) {
    const parsed = register(value);
    assert.ok(!parsed.ok, JSON.stringify(value));
    assert.equal(parsed.error.code, "invalid");
    assert.match(parsed.error.message, message);
    assert.ok(parsed.error.message.length <= 300);
  }
  for (const value of [
    { Endpoints: ["1.2.3.4"] },
    { Endpoints: "1.2.3.4:5" },
    { EndpointTypes: [1.5] },
    { DiscoKey: "x" },
  ])
    assert.ok(!map(value).ok, JSON.stringify(value));
  for (const text of ["", "{", "nul", "\u0000", '{"Version":142}x'])
    assert.deepEqual(parseRegisterRequest(Buffer.from(text)), {
      ok: false,
      error: { code: "invalid", message: "body: not JSON" },
    });
});

test("an authentication key that is refused is not in the text", () => {
  const parsed = register({ Auth: { AuthKey: ["hskey-auth-secret"] } });
  assert.ok(!parsed.ok);
  assert.doesNotMatch(JSON.stringify(parsed.error), /secret/);
});

test("no prototype comes in from a body", () => {
  const parsed = parseMapRequest(
    Buffer.from('{"__proto__":{"Stream":true},"Hostinfo":{"__proto__":{"OS":"x"}}}'),
  );
  assert.ok(parsed.ok);
  assert.equal(parsed.value.Stream, false);
  assert.equal(parsed.value.Hostinfo?.OS, undefined);
});

test("endpoints and their types stay together: the first 100, canonical, each once", () => {
  const many = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}:41641`);
  const parsed = map({ Endpoints: ["[FE80::1]:1", "[fe80::1]:1", ...many], EndpointTypes: [2, 1, 3] });
  assert.ok(parsed.ok);
  const { Endpoints, EndpointTypes } = parsed.value;
  assert.equal(Endpoints.length, hostBounds.endpoints - 1);
  assert.deepEqual(Endpoints.slice(0, 2), ["[fe80::1]:1", "10.0.0.0:41641"]);
  assert.deepEqual(EndpointTypes.slice(0, 3), [2, 3, 0]);
  assert.equal(EndpointTypes.length, Endpoints.length);
});

test("what one client can send to all is bounded", () => {
  const cut = hostFacts({
    Hostname: "\0ü".repeat(10_000),
    OS: "x".repeat(10_000),
    RoutableIPs: Array.from({ length: 2000 }, (_, i) => `10.${i >> 8}.${i & 255}.1/24`),
    RequestTags: Array.from({ length: 500 }, (_, i) => `tag:${i}`),
    sshHostKeys: Array.from({ length: 100 }, () => "ssh-ed25519 AAAA"),
    Location: { Country: "y".repeat(1000), Latitude: 1.5, Longitude: Number.POSITIVE_INFINITY, Priority: 0 },
  });
  assert.equal(cut.host.Hostname, "ü".repeat(127));
  assert.equal(cut.host.OS?.length, 255);
  assert.equal(cut.routes.length, 1000);
  assert.ok(cut.routes.every((route) => route.endsWith(".0/24")));
  assert.equal(cut.requestTags.length, 64);
  assert.equal(cut.host.sshHostKeys?.length, 16);
  assert.deepEqual(cut.host.Location, { Country: "y".repeat(255), Latitude: 1.5 });
  const services = Array.from({ length: 100 }, () => ({ Proto: "tcp", Port: 1, Description: "\0" }));
  assert.deepEqual(
    boundServices(services),
    Array.from({ length: 64 }, () => ({ Proto: "tcp", Port: 1 })),
  );
});

test("the home region is kept, cleared or left alone", () => {
  assert.equal(homeRegion({}), undefined);
  assert.equal(homeRegion({ NetInfo: {} }), 0);
  assert.equal(homeRegion({ NetInfo: { PreferredDERP: 900 } }), 900);
  for (const PreferredDERP of [-1, 65_536]) assert.equal(homeRegion({ NetInfo: { PreferredDERP } }), 0);
});

test("entries beyond what is kept of a list are not looked at, whatever their number and type", () => {
  const flood = (count: number, good: unknown): readonly unknown[] => [
    ...Array.from({ length: count }, () => good),
    ...Array.from({ length: 100_000 }, () => ({})),
  ];
  const parsed = map({
    NodeKey: nodeKey,
    Endpoints: flood(hostBounds.endpoints, "192.0.2.1:1"),
    EndpointTypes: flood(hostBounds.endpoints, 1),
    Hostinfo: {
      RequestTags: flood(hostBounds.tags, "tag:a"),
      RoutableIPs: flood(hostBounds.routes, "10.0.0.0/8"),
      sshHostKeys: flood(hostBounds.sshKeys, "ssh-ed25519 A"),
      Services: flood(hostBounds.services, { Proto: "tcp", Port: 1 }).map((s, i) =>
        i < hostBounds.services ? s : 7,
      ),
    },
  });
  assert.ok(parsed.ok);
  assert.equal(parsed.value.Hostinfo?.Services?.length, hostBounds.services);
  const wrong = map({ NodeKey: nodeKey, Hostinfo: { RequestTags: [7] } });
  assert.ok(!wrong.ok);
  assert.match(wrong.error.message, /^Hostinfo\.RequestTags\.0: /);
});
