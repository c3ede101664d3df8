import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { connect, createServer } from "node:tls";
import { type RelayCertificate, relayCertificate } from "./certificate.ts";

const day = 86_400_000;

suite("relay certificate", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "hydrascale-certificate-"));
  });
  after(() => rm(dir, { recursive: true }));

  const get = async (now: number, ...more: string[]): Promise<RelayCertificate> => {
    const got = await relayCertificate({ dir: join(dir, "state"), names: ["10.1.2.3", ...more], now });
    assert.ok(got.ok);
    return got.value;
  };

  test("it is made once, kept with its key for this user alone, and serves TLS under its pin", async () => {
    const made = await get(Date.now(), "relay.test", "2001:db8::5");
    assert.deepEqual(await get(Date.now() + day, "relay.test"), made);
    for (const file of ["derp-cert.pem", "derp-key.pem"])
      assert.equal((await stat(join(dir, "state", file))).mode & 0o777, 0o600);
    const parsed = new X509Certificate(made.cert);
    assert.deepEqual(parsed.publicKey.asymmetricKeyDetails, { namedCurve: "prime256v1" });
    assert.equal(parsed.checkIP("10.1.2.3"), "10.1.2.3");
    assert.equal(parsed.checkHost("relay.test"), "relay.test");

    const server = createServer({ cert: made.cert, key: made.key }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(client, "secureConnect");
    const seen = createHash("sha256").update(client.getPeerCertificate().raw).digest("hex");
    assert.equal(made.pin, `sha256-raw:${seen}`);
    client.destroy();
    server.close();
  });

  test("a new one comes before it expires, for a name it lacks, and for a damaged file; never otherwise", async () => {
    const now = Date.now();
    const first = await get(now);
    assert.equal((await get(first.renewAt - 1)).pin, first.pin);
    const renewed = await get(first.renewAt);
    assert.notEqual(renewed.pin, first.pin);
    const named = await get(first.renewAt, "other.test");
    assert.notEqual(named.pin, renewed.pin);
    await writeFile(join(dir, "state", "derp-key.pem"), "nothing");
    const repaired = await get(first.renewAt, "other.test");
    assert.notEqual(repaired.pin, named.pin);
    assert.deepEqual(await get(first.renewAt, "other.test"), repaired);
  });

  test("a folder that cannot be used is a problem that names it", async () => {
    await writeFile(join(dir, "file"), "");
    const got = await relayCertificate({ dir: join(dir, "file"), names: ["10.1.2.3"], now: Date.now() });
    assert.ok(!got.ok);
    assert.match(got.error.message, /derp-cert\.pem cannot be read or written \(ENOTDIR\)/);
  });
});
