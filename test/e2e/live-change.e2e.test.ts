// What changes under connected clients: policy, names, DNS records; each reaches exactly those whom it concerns.

import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { packetFilter } from "../support/client/netmap.ts";
import { TestGateway } from "../support/gateway.ts";

let gateway: TestGateway;
let folder: string;
let records: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hydrascale-records-"));
  records = join(folder, "records.json");
  await writeFile(records, '[{"name":"a.example.com","type":"A","value":"100.64.0.9"}]');
  gateway = await TestGateway.start({
    config: {
      "dns.extra_records_path": records,
      "dns.nameservers.global": ["192.0.2.53"],
      "dns.nameservers.split": { "corp.example.com": ["192.0.2.54"] },
      "dns.search_domains": ["corp.example.com"],
    },
  });
});
after(async () => {
  const findings = gateway.lint();
  await gateway.stop();
  await rm(folder, { recursive: true, force: true });
  assert.deepEqual(findings, []);
});

const setPolicy = (policy: unknown) =>
  gateway.ask("PUT", "/api/v1/policy", {
    policy: typeof policy === "string" ? policy : JSON.stringify(policy),
  });
const accept = (src: string, dst: string) => ({ action: "accept", src: [src], dst: [dst] });
const open = { acls: [accept("*", "*:*")] };

test("DNS is sent whole: global and split nameservers, search domains, records", async () => {
  const client = await gateway.joined(await gateway.user("dns"));
  const { dns } = (await client.up()).netmap;
  assert.deepEqual(
    dns?.Resolvers?.map((r) => r.Addr),
    ["192.0.2.53"],
  );
  assert.deepEqual(
    dns?.Routes?.["corp.example.com"]?.map((r) => r.Addr),
    ["192.0.2.54"],
  );
  assert.deepEqual(dns?.Domains, ["hydrascale.internal", "corp.example.com"]);
  assert.equal(dns?.Proxied, true);
  assert.deepEqual(dns?.ExtraRecords, [{ Name: "a.example.com", Type: "A", Value: "100.64.0.9" }]);
  client.close();
});

test("extra records follow their file: written, replaced, spoilt, deleted and made again", async () => {
  const client = await gateway.joined(await gateway.user("records"));
  const stream = await client.up();
  const says = (value: string | undefined) => stream.until((n) => n.dns?.ExtraRecords?.[0]?.Value === value);
  const text = (value: string): string => JSON.stringify([{ name: "a.example.com", type: "A", value }]);
  await writeFile(records, text("100.64.0.10"));
  await says("100.64.0.10");
  await writeFile(`${records}.new`, text("100.64.0.11"));
  await rename(`${records}.new`, records);
  await says("100.64.0.11");
  await writeFile(records, "[{");
  await rm(records);
  await writeFile(records, text("100.64.0.12"));
  await says("100.64.0.12");
  assert.ok(stream.open);
  client.close();
});

test("a policy that closes takes peers and filter away, one that opens gives them back, the same again is silent", async () => {
  const [ada, bob] = [await gateway.user("ada"), await gateway.user("bob")];
  const [a, b] = [await gateway.joined(ada), await gateway.joined(bob)];
  const [left, right] = [await a.up(), await b.up()];
  const [aId, bId] = [gateway.nodeOf(a)?.id ?? 0, gateway.nodeOf(b)?.id ?? 0];
  await left.until((n) => n.peers.has(bId));
  await setPolicy({ acls: [] });
  await left.until((n) => n.peers.size === 0 && packetFilter(n).length === 0);
  await right.until((n) => n.peers.size === 0 && packetFilter(n).length === 0);
  assert.ok(left.messages.some((m) => m.PeersRemoved?.includes(bId)));
  assert.ok(left.messages.some((m) => m.PacketFilter?.length === 0));
  const closed = left.messages.length;
  const stranger = await gateway.joined(bob);
  await stranger.up({ endpoints: ["192.0.2.1:1"] });
  await b.lite({ endpoints: ["192.0.2.2:2"] });

  await setPolicy({ acls: [accept("ada@", "bob@:22")] });
  await left.until((n) => n.peers.has(bId) && n.users.has(Number(bob)));
  assert.equal(left.messages[closed]?.PeersChanged?.length, 2);
  await right.until((n) => n.peers.has(aId) && packetFilter(n).length === 1);
  assert.deepEqual(packetFilter(right.netmap)[0]?.DstPorts?.[0]?.Ports, { First: 22, Last: 22 });
  assert.deepEqual(packetFilter(left.netmap), []);

  const [before, other] = [left.messages.length, right.messages.length];
  await setPolicy({ acls: [accept("ada@", "bob@:22")] });
  await a.lite({ endpoints: ["203.0.113.1:1"] });
  await right.until((n) => n.peers.get(aId)?.Endpoints?.[0] === "203.0.113.1:1");
  assert.deepEqual([left.messages.length, right.messages.length], [before, other + 1]);
  await setPolicy(open);
});

test("a policy that is wrong or uses what is not there yet is refused, and the old one stays", async () => {
  const before = gateway.tailnet.policy.version;
  for (const text of ["{", '{"acls":[{"action":"drop"}]}', '{"acls":[],"postures":{}}']) {
    const answer = await gateway.api()("PUT", "/api/v1/policy", { policy: text });
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
    assert.notEqual(answer.body.message ?? answer.body.detail ?? "", "");
  }
  assert.equal(gateway.tailnet.policy.version, before);
});

test("renames of nodes and users reach open streams", async () => {
  const user = await gateway.user("carol");
  const [a, b] = [await gateway.joined(user), await gateway.joined(user)];
  const [own, seen] = [await b.up(), await a.up()];
  const id = gateway.nodeOf(b)?.id ?? 0;
  await gateway.ask("POST", `/api/v1/node/${id}/rename/new-name`);
  await own.until((n) => n.node?.Name === "new-name.hydrascale.internal.");
  await seen.until((n) => n.peers.get(id)?.Name === "new-name.hydrascale.internal.");
  await gateway.ask("POST", `/api/v1/user/${user}/rename/caroline`);
  await seen.until((n) => n.users.get(Number(user))?.LoginName === "caroline");
});

test("tagging a node takes it from its user and ends its expiry, for itself too", async () => {
  await setPolicy({ ...open, tagOwners: { "tag:web": [] } });
  const user = await gateway.user("dave");
  const [a, b] = [await gateway.joined(user), await gateway.joined(user)];
  const [own, seen] = [await b.up(), await a.up()];
  const id = gateway.nodeOf(b)?.id ?? 0;
  await gateway.ask("POST", `/api/v1/node/${id}/tags`, { tags: ["tag:web"] });
  for (const stream of [own, seen])
    await stream.until((n) => (stream === own ? n.node : n.peers.get(id))?.Tags?.[0] === "tag:web");
  assert.notEqual(own.netmap.node?.User, Number(user));
  assert.equal(gateway.nodeOf(b)?.expiry, null);
});
