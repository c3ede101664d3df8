// Whole conversations as they go over the wire, held to golden/*.txt. What differs from run to run (keys, times) is
// replaced by names. UPDATE_GOLDEN=1 writes them anew: commit that only when every line of the difference is meant.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestClient } from "../support/client/control.ts";
import type { Received, RegisterResponse } from "../support/client/messages.ts";
import type { MapStream } from "../support/client/stream.ts";
import { TestGateway, loginId } from "../support/gateway.ts";

const golden = join(import.meta.dirname, "golden");

class Transcript {
  private readonly lines: string[] = [];
  private readonly names = new Map<string, string>();
  private readonly read = new Map<MapStream, number>();

  say(what: string): void {
    this.lines.push("", `# ${what}`);
  }

  name(value: string, name: string): void {
    this.names.set(value, name);
  }

  client(client: TestClient, name: string): void {
    this.name(client.machine.text, `<machine key of ${name}>`);
    this.name(client.node.text, `<node key of ${name}>`);
    this.name(client.disco.text, `<disco key of ${name}>`);
  }

  answered(who: string, answer: RegisterResponse): void {
    this.lines.push(`server → ${who}: register`, this.normal(JSON.stringify(answer, undefined, 1)));
  }

  /** All that came on the stream since the last call. */
  got(who: string, stream: MapStream): void {
    const from = this.read.get(stream) ?? 0;
    this.read.set(stream, stream.received.length);
    for (const received of stream.received.slice(from)) this.message(who, received);
  }

  /** Leaves out what has come so far. */
  pass(stream: MapStream): void {
    this.read.set(stream, stream.received.length);
  }

  hold(file: string): void {
    const path = join(golden, file);
    const text = `${this.lines.join("\n").trim()}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
    assert.ok(existsSync(path), `${file} is missing: UPDATE_GOLDEN=1 writes it`);
    assert.equal(text, readFileSync(path, "utf8"));
  }

  private message(who: string, { message }: Received): void {
    this.lines.push(`server → ${who}: map`, this.normal(JSON.stringify(message, undefined, 1)));
  }

  private normal(text: string): string {
    let out = text;
    for (const [value, name] of this.names) out = out.replaceAll(value, name);
    return out
      .replaceAll(/"\d{4}-\d\d-\d\dT[0-9:.]+Z"/g, '"<time>"')
      .replaceAll(/hskey-authreq-[0-9a-f]+/g, "<login>")
      .replaceAll(/sha256-raw:[0-9a-f]{64}/g, "sha256-raw:<pin>");
  }
}

async function converse(
  file: string,
  talk: (gateway: TestGateway, transcript: Transcript) => Promise<void>,
): Promise<void> {
  const gateway = await TestGateway.start();
  try {
    const transcript = new Transcript();
    await talk(gateway, transcript);
    transcript.hold(file);
    assert.deepEqual(gateway.lint(), []);
  } finally {
    await gateway.stop();
  }
}

async function joins(
  gateway: TestGateway,
  t: Transcript,
  user: string,
  hostname: string,
): Promise<TestClient> {
  const client = await gateway.client({ hostname });
  t.client(client, hostname);
  const { key } = await gateway.preAuthKey({ user });
  t.answered(hostname, await client.register({ authKey: key }));
  return client;
}

test("a node registers by key and gets its first map", () =>
  converse("first-map.txt", async (gateway, t) => {
    const ada = await gateway.user("ada");
    t.say("laptop registers with a one-time key");
    const laptop = await joins(gateway, t, ada, "laptop");
    t.say("and polls");
    t.got("laptop", await laptop.up({ endpoints: ["192.0.2.1:41641"], homeDerp: 999 }));
  }));

test("a peer joins, moves, is renamed and is deleted", () =>
  converse("peer.txt", async (gateway, t) => {
    const ada = await gateway.user("ada");
    const laptop = await gateway.joined(ada, { hostname: "laptop" });
    t.client(laptop, "laptop");
    const stream = await laptop.up();
    t.pass(stream);
    t.say("server registers");
    const server = await joins(gateway, t, ada, "server");
    const id = gateway.nodeOf(server)?.id ?? 0;
    await stream.until((n) => n.peers.has(id));
    t.say("laptop's stream so far");
    t.got("laptop", stream);
    t.say("server polls");
    const own = await server.up({ endpoints: ["192.0.2.2:41641"], homeDerp: 999 });
    await stream.until((n) => n.peers.get(id)?.HomeDERP === 999);
    t.got("laptop", stream);
    t.say("server has another endpoint");
    await server.lite({ endpoints: ["192.0.2.3:41641"] });
    await stream.until((n) => n.peers.get(id)?.Endpoints?.[0] === "192.0.2.3:41641");
    t.got("laptop", stream);
    t.say("server is renamed");
    await gateway.ask("POST", `/api/v1/node/${id}/rename/database`);
    await stream.until((n) => n.peers.get(id)?.Name === "database.hydrascale.internal.");
    t.got("laptop", stream);
    t.say("server is deleted");
    await gateway.ask("DELETE", `/api/v1/node/${id}`);
    await stream.until((n) => !n.peers.has(id));
    t.got("laptop", stream);
    await own.ended;
  }));

test("a login by URL, approved and denied", () =>
  converse("login.txt", async (gateway, t) => {
    await gateway.user("ada");
    const laptop = await gateway.client({ hostname: "laptop" });
    t.say("laptop registers without a key");
    const begun = await laptop.register();
    t.answered("laptop", begun);
    t.say("it is approved");
    await gateway.ask("POST", "/api/v1/auth/register", { user: "ada", authId: loginId(begun.AuthURL) });
    t.answered("laptop", await laptop.register({ followup: begun.AuthURL ?? "" }));
    t.say("phone registers without a key and is denied");
    const phone = await gateway.client({ hostname: "phone" });
    const url = (await phone.register()).AuthURL ?? "";
    await gateway.ask("POST", "/api/v1/auth/reject", { authId: loginId(url) });
    t.answered("phone", await phone.register({ followup: url }));
  }));

test("logout, and what refusals look like", () =>
  converse("refusals.txt", async (gateway, t) => {
    const ada = await gateway.user("ada");
    const { key } = await gateway.preAuthKey({ user: ada });
    const laptop = await gateway.client({ hostname: "laptop" });
    await laptop.register({ authKey: key });
    t.say("another machine offers the used key");
    const phone = await gateway.client({ hostname: "phone" });
    t.answered("phone", await phone.register({ authKey: key }));
    t.say("and a key that nobody made");
    t.answered("phone", await phone.register({ authKey: `hskey-auth-000000000000-${"0".repeat(64)}` }));
    t.say("a machine offers laptop's node key");
    t.answered("phone", await phone.register({ nodeKey: laptop.node.text }));
    t.say("an old client comes");
    const old = await gateway.client({ hostname: "old", capver: 90 });
    t.answered("old", await old.register());
    t.say("laptop logs out");
    t.answered("laptop", await laptop.logout());
  }));

test("a policy closes and opens", () =>
  converse("policy.txt", async (gateway, t) => {
    const [ada, bob] = [await gateway.user("ada"), await gateway.user("bob")];
    const laptop = await gateway.joined(ada, { hostname: "laptop" });
    const server = await gateway.joined(bob, { hostname: "server" });
    t.client(laptop, "laptop");
    t.client(server, "server");
    await server.up({ endpoints: ["192.0.2.2:41641"], homeDerp: 999 });
    const stream = await laptop.up();
    const id = gateway.nodeOf(server)?.id ?? 0;
    t.pass(stream);
    t.say("laptop sees server; nobody may do anything any more");
    await gateway.ask("PUT", "/api/v1/policy", { policy: '{"acls":[]}' });
    await stream.until((n) => !n.peers.has(id));
    t.got("laptop", stream);
    t.say("laptop may ssh to server");
    const policy = '{"acls":[{"action":"accept","src":["ada@"],"dst":["bob@:22"]}]}';
    await gateway.ask("PUT", "/api/v1/policy", { policy });
    await stream.until((n) => n.peers.has(id));
    t.got("laptop", stream);
  }));
