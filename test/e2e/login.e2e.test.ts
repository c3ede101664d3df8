// Interactive login (protocol 5.4 and section 17): begun by a client, decided by an operator, told to whoever waits.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestClient } from "../support/client/control.ts";
import { TestGateway, loginId } from "../support/gateway.ts";
import { LeapClock } from "../support/leap-clock.ts";

const clock = new LeapClock();
let gateway: TestGateway;

before(async () => {
  gateway = await TestGateway.start({ clock });
  await gateway.user("ada");
});
after(async () => {
  const findings = gateway.lint();
  await gateway.stop();
  assert.deepEqual(findings, []);
});

async function begin(client: TestClient): Promise<string> {
  const answer = await client.register();
  assert.match(answer.AuthURL ?? "", /^http:\/\/127\.0\.0\.1:9\/register\/hskey-authreq-[0-9a-f]{32,}$/);
  assert.equal(answer.MachineAuthorized, false);
  return answer.AuthURL ?? "";
}

const approve = (url: string, user = "ada") =>
  gateway.ask("POST", "/api/v1/auth/register", { user, authId: loginId(url) });
const reject = (url: string) => gateway.ask("POST", "/api/v1/auth/reject", { authId: loginId(url) });

/** Resolves with what comes first: the answer, or "held" once another request sent after it was answered. */
async function heldOr<T>(client: TestClient, answer: Promise<T>): Promise<T | "held"> {
  const later = (async () => {
    for (let turn = 0; turn < 5; turn++) await client.request({ method: "GET", path: "/machine/nothing" });
    return "held" as const;
  })();
  return Promise.race([answer, later]);
}

test("a login approved while the client waits answers with the owner", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  const waiting = client.register({ followup: url });
  assert.equal(await heldOr(client, waiting), "held");
  await approve(url);
  const answer = await waiting;
  assert.equal(answer.MachineAuthorized, true);
  assert.equal(answer.Login?.LoginName, "ada");
  assert.equal(answer.AuthURL, "");
  await client.up();
});

test("a login approved while nobody waited is found by the follow-up, again and again", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  await approve(url);
  for (let turn = 0; turn < 2; turn++)
    assert.equal((await client.register({ followup: url })).MachineAuthorized, true);
  assert.equal((await client.register()).MachineAuthorized, true);
});

test("a denied login gets Error and no new URL; beginning anew gives another", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  const waiting = client.register({ followup: url });
  assert.equal(await heldOr(client, waiting), "held");
  await reject(url);
  const denied = await waiting;
  assert.match(denied.Error ?? "", /denied/);
  assert.equal(denied.AuthURL, "");
  assert.match((await client.register({ followup: url })).Error ?? "", /denied/);
  assert.notEqual(await begin(client), url);
});

test("two registers of one device get one URL, and completing it ends both waits", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  assert.equal(await begin(client), url);
  const other = client.sibling({ nodeKey: client.node });
  assert.equal(await begin(other), url);
  const waits = [client.register({ followup: url }), other.register({ followup: url })] as const;
  assert.equal(await heldOr(client, waits[0]), "held");
  await approve(url);
  for (const wait of waits) assert.equal((await wait).MachineAuthorized, true);
  other.close();
});

test("two devices get two URLs", async () => {
  const [a, b] = [await gateway.client(), await gateway.client()];
  assert.notEqual(await begin(a), await begin(b));
});

for (const [what, url] of [
  ["an unknown id", `http://127.0.0.1:9/register/hskey-authreq-${"ab".repeat(24)}`],
  ["a malformed id", "http://127.0.0.1:9/register/x"],
  ["a foreign host", `http://evil.example/register/hskey-authreq-${"ab".repeat(24)}`],
  ["no URL at all", "::::"],
  ["10,000 bytes", `http://127.0.0.1:9/register/${"a".repeat(10_000)}`],
] as const) {
  test(`a follow-up with ${what} begins a new login`, async () => {
    const client = await gateway.client();
    const answer = await client.register({ followup: url });
    assert.match(answer.AuthURL ?? "", /^http:\/\/127\.0\.0\.1:9\/register\/hskey-authreq-/);
    assert.notEqual(answer.AuthURL, url);
  });
}

test("a follow-up of another machine is told nothing, before and after the login was decided", async () => {
  const client = await gateway.client({ hostname: "secret-laptop" });
  const url = await begin(client);
  const stranger = await gateway.client();
  const early = await stranger.register({ followup: url });
  assert.notEqual(early.AuthURL, url);
  await reject(url);
  const late = await stranger.register({ followup: url });
  assert.equal(late.Error ?? "", "");
  assert.ok(!/ada|secret-laptop|denied/.test(JSON.stringify([early, late])));
});

test("a follow-up takes precedence over Auth", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  const { key } = await gateway.preAuthKey({ tags: ["tag:web"] });
  const waiting = client.register({ followup: url, authKey: key });
  assert.equal(await heldOr(client, waiting), "held");
  await approve(url);
  assert.equal((await waiting).Login?.LoginName, "ada");
});

test("a client that gives up waiting leaves nothing behind, and its login can still be finished", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  const waiting = client.register({ followup: url });
  assert.equal(await heldOr(client, waiting), "held");
  client.close();
  await assert.rejects(waiting);
  await approve(url);
  assert.equal((await client.register()).MachineAuthorized, true);
});

test("a login nobody decides is answered with the same URL after ten minutes, and after fifteen with a new one", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  const waiting = client.register({ followup: url, ms: 20_000 });
  assert.equal(await heldOr(client, waiting), "held");
  await clock.leap(10 * 60_000 + 1000);
  assert.equal((await waiting).AuthURL, url);
  await clock.leap(5 * 60_000);
  const anew = await client.register({ followup: url });
  assert.match(anew.AuthURL ?? "", /\/register\/hskey-authreq-/);
  assert.notEqual(anew.AuthURL, url);
});

test("an expired node that logs in again by URL is the same node", async () => {
  const client = await gateway.client();
  const url = await begin(client);
  await approve(url);
  const before = gateway.nodeOf(client);
  await gateway.ask("POST", `/api/v1/node/${before?.id}/expire`);
  assert.equal((await client.register()).NodeKeyExpired, true);
  client.rotateKey();
  await approve(await begin(client));
  assert.equal((await client.register()).MachineAuthorized, true);
  const node = gateway.nodeOf(client);
  assert.equal(node?.id, before?.id);
  assert.deepEqual(node?.addresses, before?.addresses);
});

test("the old key's stream goes on while its node waits for a login under a new key", async () => {
  const client = await gateway.joined("ada");
  const stream = await client.up();
  const renewed = client.sibling();
  const answer = await renewed.register({ oldNodeKey: client.node.text });
  assert.notEqual(answer.AuthURL, "");
  const peer = await gateway.joined("ada");
  await stream.until((netmap) => netmap.peers.has(gateway.nodeOf(peer)?.id ?? 0));
  assert.ok(stream.open);
  renewed.close();
});

test("tags that the user may not give are refused when the login is approved", async () => {
  const client = await gateway.client();
  const answer = await client.register({ hostinfo: { RequestTags: ["tag:none"] } });
  const refused = await gateway.api()("POST", "/api/v1/auth/register", {
    user: "ada",
    authId: loginId(answer.AuthURL),
  });
  assert.notEqual(refused.status, 200);
  assert.match(JSON.stringify(refused.body), /tag:none/);
  assert.equal(gateway.nodeOf(client), undefined);
});
