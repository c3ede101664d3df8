// The repository as the architecture tests see it: its files, their text, and who imports whom.
// A regular expression over import statements is enough here: the formatter keeps them in one shape.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What git keeps out of the tree, or makes itself. */
const notOurs = new Set([".git", "node_modules", ".cache", "data", "package-lock.json"]);

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
}

const walk = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (notOurs.has(entry.name) || entry.name.endsWith(".log")) return [];
    const path = join(dir, entry.name);
    return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : [];
  });

const read = (path: string): SourceFile => {
  const text = readFileSync(path, "utf8");
  return { path: relative(root, path).replaceAll("\\", "/"), text, lines: text.split("\n").length - 1 };
};

/** Every file of the tree. */
export const files: readonly SourceFile[] = walk(root).map(read);

export const isCode = (path: string): boolean => /\.(ts|mjs)$/.test(path);
export const isTest = (path: string): boolean => path.startsWith("test/") || path.endsWith(".test.ts");
/** What runs at an operator's: no tests, no tools. */
export const isProduct = (path: string): boolean => /^packages\/\w+\/src\//.test(path) && !isTest(path);

export interface Import {
  readonly from: string;
  /** A path of the tree without its ending, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^;'"()]*?\sfrom\s+)?["']([^"']+)["']/gm;
const call = /\bimport\(\s*["']([^"']+)["']\s*\)/g;

const target = (from: string, specifier: string): string => {
  if (specifier.startsWith(".")) return join(dirname(from), specifier).replace(/\.ts$/, "");
  const [, name, rest] = /^@hydrascale\/(\w+)\/(.+)$/.exec(specifier) ?? [];
  if (name === undefined) return specifier;
  return name === "test" ? `test/${rest}` : `packages/${name}/src/${rest}`;
};

export const importsOf = ({ path, text }: SourceFile): Import[] => [
  ...[...text.matchAll(statement)].map(([, type, specifier = ""]) => ({
    from: path,
    to: target(path, specifier),
    typeOnly: type !== undefined,
  })),
  ...[...text.matchAll(call)].map(([, specifier = ""]) => ({
    from: path,
    to: target(path, specifier),
    typeOnly: false,
  })),
];

/** `core/wire`, `gateway`, `cli`, …: what a direction rule speaks of. Undefined outside packages/. */
export const layerOf = (path: string): string | undefined => {
  const [, name, first] = /^packages\/(\w+)\/src\/([^/]+)/.exec(path) ?? [];
  return name === "core" ? `core/${first}` : name;
};
