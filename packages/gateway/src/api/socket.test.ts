import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listenSocket } from "./socket.ts";
import type { Handler } from "./web.ts";

const handler: Handler = (_, res) => res.end("here");

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "hs-socket-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const get = (socketPath: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ socketPath, path: "/" }, (res) => {
      res.setEncoding("utf8");
      let text = "";
      res.on("data", (part: string) => (text += part));
      res.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });

test("the socket answers, has the mode asked for, and is gone after close", async () => {
  using dir = folder();
  const path = join(dir.path, "s.sock");
  const before = process.umask();
  const listening = await listenSocket({ path, mode: 0o660, handler });
  assert.ok(listening.ok);
  assert.equal(process.umask(), before);
  assert.equal(statSync(path).mode & 0o777, 0o660);
  assert.equal(await get(path), "here");
  await listening.value.close();
  assert.equal(existsSync(path), false);
});

test("a socket that a killed process left behind is replaced", async () => {
  using dir = folder();
  const path = join(dir.path, "s.sock");
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
  assert.ok(statSync(path).isSocket());
  const listening = await listenSocket({ path, mode: 0o600, handler });
  assert.ok(listening.ok);
  assert.equal(await get(path), "here");
  await listening.value.close();
});

test("a socket that somebody answers on is left alone", async () => {
  using dir = folder();
  const path = join(dir.path, "s.sock");
  const other = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => other.listen(path, resolve));
  const refused = await listenSocket({ path, mode: 0o600, handler });
  assert.ok(!refused.ok);
  assert.match(refused.error.message, /another server answers there/);
  assert.ok(existsSync(path));
  await new Promise((resolve) => other.close(resolve));
});

test("a file that is no socket is never removed", async () => {
  using dir = folder();
  const path = join(dir.path, "precious");
  writeFileSync(path, "data");
  const refused = await listenSocket({ path, mode: 0o600, handler });
  assert.ok(!refused.ok);
  assert.equal(refused.error.code, "setup");
  assert.ok(existsSync(path));
});

test("a path that is too long or whose folder is missing is a problem that names it", async () => {
  for (const path of [`/tmp/${"x".repeat(120)}`, "/nonexistent-folder/s.sock"]) {
    const refused = await listenSocket({ path, mode: 0o600, handler });
    assert.ok(!refused.ok);
    assert.ok(refused.error.message.includes(path));
  }
});
