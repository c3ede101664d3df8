// Pages are held to the tree and to the code: what they name has to be there, and what is there has to be named.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { commands } from "@hydrascale/cli/cli";
import { findCommand } from "@hydrascale/cli/command";
import { files, isProduct, root } from "../arch/tree.ts";
import { anchorsOf, calls, definedRules, linksOf, pageAt, pages, tabledDirectories } from "./pages.ts";

const product = files.filter(({ path }) => isProduct(path));
const specs = ["docs/spec/log.md", "docs/spec/session.md", "docs/spec/netmap.md"].map(pageAt);

test("every link to a file of the repository finds it, and its heading", () => {
  const links = pages.flatMap(linksOf).filter(({ path }) => path !== undefined);
  assert.ok(links.length > 20, "links are found at all");
  const broken = links.filter(({ anchor, path = "" }) => {
    if (!existsSync(join(root, path))) return true;
    return anchor !== undefined && !anchorsOf(pageAt(path)).has(anchor);
  });
  assert.deepEqual(
    broken.map(({ from, to }) => `${from}: ${to}`),
    [],
  );
});

for (const path of ["README.md", "docs/architecture.md"])
  test(`${path}: every directory in its tables exists`, () => {
    const named = tabledDirectories(pageAt(path));
    assert.ok(named.length > 5, "directories are found at all");
    assert.deepEqual(
      named.filter((directory) => !existsSync(join(root, directory))),
      [],
    );
  });

test("docs/architecture.md has a line for every directory of packages/, two levels into the source", () => {
  const named = new Set(tabledDirectories(pageAt("docs/architecture.md")));
  const there = new Set<string>();
  for (const { path } of product) {
    const [packages, name, , ...inside] = dirname(path).split("/");
    there.add(`${packages}/${name}/`);
    there.add([packages, name, "src", ...inside.slice(0, 1), ""].join("/"));
  }
  assert.deepEqual(
    [...there]
      .filter((directory) => !named.has(directory) && !/^packages\/core\/src\/$/.test(directory))
      .sort(),
    [],
  );
});

for (const page of specs)
  test(`${page.path}: rule ids are of one letter and in order`, () => {
    const ids = definedRules(page);
    assert.ok(ids.length > 10, "rules are found at all");
    const letter = ids[0]?.charAt(0) ?? "";
    const numbers = ids.map((id) => Number(id.slice(1)));
    assert.deepEqual(
      ids.filter((id) => !id.startsWith(letter)),
      [],
    );
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    );
  });

test("every rule id that a page speaks of is defined", () => {
  const defined = new Set(specs.flatMap(definedRules));
  const letters = [...new Set([...defined].map((id) => id.charAt(0)))].join("");
  const mention = new RegExp(`\\[([${letters}]\\d+)\\]`, "g");
  assert.deepEqual(
    pages.flatMap(({ path, text }) =>
      [...text.matchAll(mention)].flatMap(([, id = ""]) => (defined.has(id) ? [] : [`${path}: ${id}`])),
    ),
    [],
  );
});

test("every call of the command line in a page is a command that there is", () => {
  const all = pages.flatMap((page) => calls(page).map((call) => ({ path: page.path, call })));
  assert.ok(all.length > 15, "calls are found at all");
  const unknown = all.filter(({ call }) => {
    const [first = "", second = ""] = call.split(/\s+/);
    const found = findCommand(commands, first);
    if (found?.kind !== "group") return found === undefined;
    return second !== "" && !second.startsWith("-") && findCommand(found.commands, second) === undefined;
  });
  assert.deepEqual(
    unknown.map(({ path, call }) => `${path}: hydrascale ${call}`),
    [],
  );
});

test("every metric that is counted has its line in docs/operations.md, and every line its metric", () => {
  const { text } = pageAt("docs/operations.md");
  const said = new Set(
    [...text.matchAll(/`hydrascale_([a-z_]+?)(?:_total)?`/g)].map(([, name = ""]) => name),
  );
  const counted = product.flatMap((file) =>
    [...file.text.matchAll(/\b(?:counters|metrics)\.(?:inc|gauge|gaugeFrom|observe)\(\s*"([a-z_]+)"/g)].map(
      ([, name = ""]) => name,
    ),
  );
  assert.ok(counted.length > 5, "metrics are found at all");
  assert.deepEqual(
    counted.filter((name) => !said.has(name)),
    [],
  );
  // The relay and STUN count under short names, which get their prefix where they are put together.
  const inCode = (name: string): boolean => {
    const short = name.replace(/^(?:derp|stun)_/, "");
    return product.some((file) => file.text.includes(`"${name}"`) || file.text.includes(`"${short}"`));
  };
  assert.deepEqual(
    [...said].filter((name) => !inCode(name)),
    [],
  );
});
