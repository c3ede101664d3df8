import assert from "node:assert/strict";
import { test } from "node:test";
import { files, isCode } from "./tree.ts";

interface Banned {
  readonly what: string;
  readonly pattern: RegExp;
  /** Files that may, each with its reason. */
  readonly except?: Readonly<Record<string, string>>;
  readonly codeOnly?: boolean;
}

// Patterns are written so that none matches its own line.
const banned: readonly Banned[] = [
  { what: "a path of one machine", pattern: /(^|[\s"'`=(:])\/(root|work|Users)\/|\/home\/[a-z]/m },
  {
    what: "the host of a package registry",
    pattern: /registry\.[n]pmjs|[n]pmjs\.org|proxy\.[g]olang|sum\.[g]olang|pypi\.[o]rg|files\.[p]ythonhosted/,
  },
  { what: "work that is put off", pattern: /\b(TOD[O]|FIXM[E]|HAC[K]|XX[X])\b/ },
  { what: "a part that is missing", pattern: /not[ ]implemented|un[i]mplemented/i },
  { what: "a test that keeps others from running", pattern: /\b(test|it|suite|describe)\.[o]nly\(/ },
  {
    what: "a test that does not run",
    pattern: /\b(t|test|it|suite|describe)\.(skip|todo)\(|\bskip: (true|")/,
    except: {
      "packages/gateway/src/stun/server.e2e.test.ts": "a machine without IPv6 cannot try what IPv6 does",
    },
  },
  { what: "console in the product", pattern: /\bconsole\.(log|error|warn|info|debug)\(/, codeOnly: true },
];

for (const { what, pattern, except = {}, codeOnly = false } of banned)
  test(`nowhere in the tree: ${what}`, () => {
    const searched = codeOnly
      ? files.filter(({ path }) => isCode(path) && path.startsWith("packages/"))
      : files;
    const found = searched.flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    assert.deepEqual(
      found.filter((one) => !Object.keys(except).some((path) => one.startsWith(`${path}:`))),
      [],
    );
    for (const path of Object.keys(except))
      assert.ok(
        found.some((one) => one.startsWith(`${path}:`)),
        `${path} needs no exception any more`,
      );
  });

test("the folder beside the clone is named in one place", () => {
  const naming = files.filter(({ path, text }) => isCode(path) && /\.\.[/", ]+shared["'`/]/.test(text));
  assert.deepEqual(
    naming.map(({ path }) => path),
    ["scripts/shared.mjs"],
  );
});
