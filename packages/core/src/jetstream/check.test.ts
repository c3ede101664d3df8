import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { checkFsync, checkVersion } from "./check.ts";

test("servers below 2.14.4 are refused, its pre-releases too", () => {
  for (const version of ["2.14.4", "2.15.0-RC.1", "2.15.2", "v2.14.10", "3.0.0"]) {
    assert.equal(checkVersion(version), undefined, version);
  }
  for (const version of ["", "2.14.3", "2.9.10", "2.14.4-RC.1", "1.99.99", "2.14", "latest"]) {
    assert.equal(checkVersion(version)?.code, "setup", version);
  }
});

async function monitoring(answer: string, status = 200): Promise<{ url: string; end: () => void }> {
  const server = createServer((_request, response) => response.writeHead(status).end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, end: () => server.close() };
}

test("every server has to say that it syncs; one that does not, or cannot be asked, is named", async () => {
  const good = await monitoring('{"jetstream":{"config":{"sync_always":true}}}');
  const bad = await monitoring('{"jetstream":{"config":{"sync_interval":120000000000}}}');
  const broken = await monitoring("no json");
  const failing = await monitoring("{}", 500);
  const endless = await monitoring("[".repeat(2_000_000));
  assert.equal(await checkFsync([good.url]), undefined);
  assert.equal((await checkFsync([]))?.code, "setup");
  for (const each of [bad, broken, failing, endless]) {
    const wrong = await checkFsync([good.url, each.url]);
    assert.equal(wrong?.code, "setup");
    assert.ok(wrong?.message.includes(each.url), wrong?.message);
  }
  for (const each of [good, bad, broken, failing, endless]) each.end();
  assert.equal((await checkFsync([good.url]))?.code, "setup");
});
