import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRecords, parseRecordsFile } from "./records.ts";
import { checkResolver, resolverWarning } from "./resolver.ts";

test("names are lowered and lose their dot, both families stay, repeats merge", () => {
  const records = checkRecords([
    { name: "Printer.Lab.example", type: "A", value: "10.0.0.9" },
    { name: "nas.lab.example.", type: "AAAA", value: "FD00::9" },
    { name: "nas.lab.example", type: "a", value: "10.0.0.8" },
    { name: "printer.lab.example.", type: "A", value: "10.0.0.9" },
  ]);
  assert.deepEqual(records, {
    ok: true,
    value: [
      { name: "printer.lab.example", type: "A", value: "10.0.0.9" },
      { name: "nas.lab.example", type: "AAAA", value: "fd00::9" },
      { name: "nas.lab.example", type: "A", value: "10.0.0.8" },
    ],
  });
});

test("each bad record is named by its index, with the reason", () => {
  const records = checkRecords([
    { name: "ok.example", type: "A", value: "10.0.0.9" },
    { name: "x.example", type: "CNAME", value: "ok.example" },
    { name: "y.example", type: "A", value: "fd00::1" },
    { name: "z..example", type: "A", value: "10.0.0.1" },
    { name: "w.example", value: "10.0.0.256" },
    { name: "v.example", type: "A", value: "10.0.0.1", ttl: 5 },
  ]);
  assert.equal(records.ok, false);
  if (records.ok) return;
  assert.deepEqual(
    records.error.map((line) => line.slice(0, 9)),
    ["record 1:", "record 2:", "record 3:", "record 4:", "record 5:"],
  );
  assert.match(records.error[0] ?? "", /type "CNAME" is not served; A and AAAA are/);
});

test("a records file that is not JSON, or no list, is refused with its name", () => {
  for (const text of ["[{", '{"name": "x"}', "[1]"]) {
    const result = parseRecordsFile(text, "records.json");
    assert.equal(result.ok, false);
    if (!result.ok) assert.match(result.error.message, /^records\.json: /);
  }
});

test("resolvers that clients take pass as they are, others are refused with the reason", () => {
  const good = [
    "1.1.1.1",
    "2620:fe::fe",
    "9.9.9.9:5353",
    "[2620:fe::fe]:53",
    "https://dns.nextdns.io/abc123",
    "https://doh.corp.example/q",
    "http://100.64.0.7:8053/dns-query",
  ];
  for (const address of good) assert.deepEqual(checkResolver(address), { ok: true, value: address });
  for (const address of [
    "tls://9.9.9.9",
    "dns.google",
    "1.1.1",
    "http://doh.example/",
    "1.1.1.1:0",
    "fe80::1%eth0",
    "https://u:p@x/",
  ])
    assert.equal(checkResolver(address).ok, false, address);
  assert.equal(resolverWarning("https://dns.nextdns.io/abc123"), undefined);
  assert.match(resolverWarning("https://doh.corp.example/q") ?? "", /doh\.corp\.example is none of these/);
});
