// The pages of this repository as the docs tests see them: text outside code blocks, links, headings, tables, rule ids.

import { dirname, join } from "node:path";
import { files } from "../arch/tree.ts";

export interface Page {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Without code blocks. */
  readonly prose: string;
}

const fence = /^[ \t]*```.*\n[\s\S]*?^[ \t]*```/gm;

export const pages: readonly Page[] = files
  .filter(({ path }) => path.endsWith(".md"))
  .map(({ path, text }) => ({ path, text, prose: text.replace(fence, "") }));

export const pageAt = (path: string): Page => {
  const page = pages.find((one) => one.path === path);
  if (page === undefined) throw new Error(`${path}: there is no such page`);
  return page;
};

export interface Link {
  readonly from: string;
  readonly to: string;
  /** The file that it points at, from the root; undefined for one that leaves the repository. */
  readonly path: string | undefined;
  readonly anchor: string | undefined;
}

export function linksOf({ path, prose }: Page): Link[] {
  const spanless = prose.replace(/`[^`\n]*`/g, "");
  return [...spanless.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = ""]) => {
    if (/^[a-z]+:/.test(to)) return { from: path, to, path: undefined, anchor: undefined };
    const [file = "", anchor] = to.split("#", 2);
    return { from: path, to, path: file === "" ? path : join(dirname(path), file), anchor };
  });
}

/** Anchors of a page's headings, as code hosts make them. */
export const anchorsOf = ({ prose }: Page): ReadonlySet<string> =>
  new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );

/** Paths with a final slash in the first cells of tables. */
export const tabledDirectories = ({ prose }: Page): string[] =>
  [...prose.matchAll(/^\| *`([^`|]+\/)` *\|/gm)].map(([, path = ""]) => path);

/** Ids where they are defined, in order. */
export const definedRules = ({ prose }: Page): string[] =>
  [...prose.matchAll(/^- \*\*\[([A-Z]\d+)\]\*\* /gm)].map(([, id = ""]) => id);

const output = /^```text\n[\s\S]*?^```/gm;

/** Lines in code spans and shell blocks that call the command line, without what stands before `hydrascale`. */
export const calls = ({ text }: Page): string[] =>
  [...text.replace(output, "").matchAll(/(?:^|`)(?:\.\/)?hydrascale ([a-z][^`\n#]*)/gm)].map(
    ([, call = ""]) => call.trim(),
  );
