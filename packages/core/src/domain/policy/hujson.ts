// HuJSON: JSON with comments and trailing commas, as a tree whose nodes know their place. Stricter than usual readers
// in one thing: a name that stands twice in one object is an error, since nobody can see which of the two counts.

import { createScanner, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";
import type { Faults } from "./faults.ts";

export type Tree = Node;

/** Deeper than any policy; the parser recurses. */
const MAX_DEPTH = 32;
export const MAX_POLICY_CHARS = 2 * 1024 * 1024;

// Values of the scanner's SyntaxKind, which is a const enum and so not there at run time.
const OPENING = new Set([1, 3]); // { [
const CLOSING = new Set([2, 4]); // } ]
const END = 17;

export function parseHujson(text: string, faults: Faults): Tree | undefined {
  if (text.length > MAX_POLICY_CHARS) {
    faults.add(0, `the text is longer than ${MAX_POLICY_CHARS} characters`, undefined, "too-large");
    return undefined;
  }
  // A byte order mark is replaced by a blank, which keeps all places as they are.
  const plain = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  if (!shallow(plain, faults)) return undefined;
  const errors: ParseError[] = [];
  const root = parseTree(plain, errors, { allowTrailingComma: true, allowEmptyContent: true });
  for (const { error, offset } of errors)
    faults.add(offset, `not HuJSON: ${words(printParseErrorCode(error))}`);
  if (faults.any) return undefined;
  if (root === undefined) {
    faults.add(0, "the policy is empty", 'to allow everything store {}, to allow nothing store {"acls": []}');
    return undefined;
  }
  findDuplicates(root, faults);
  return root;
}

function shallow(text: string, faults: Faults): boolean {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (OPENING.has(kind)) depth += 1;
    else if (CLOSING.has(kind)) depth -= 1;
    if (depth > MAX_DEPTH) {
      faults.add(scanner.getTokenOffset(), `nested deeper than ${MAX_DEPTH} levels`);
      return false;
    }
  }
  return true;
}

/** "CloseBraceExpected" → "close brace expected". */
const words = (code: string): string => code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();

function findDuplicates(tree: Tree, faults: Faults): void {
  const seen = new Set<unknown>();
  for (const child of tree.children ?? []) {
    const name = tree.type === "object" ? child.children?.[0] : undefined;
    if (name !== undefined) {
      if (seen.has(name.value))
        faults.add(name.offset, `${JSON.stringify(name.value)} stands here for the second time`);
      seen.add(name.value);
    }
    findDuplicates(child, faults);
  }
}

export interface Member {
  readonly name: string;
  readonly offset: number;
  readonly value: Tree;
}

export function members(tree: Tree): readonly Member[] {
  return (tree.children ?? []).flatMap((property) => {
    const [name, value] = property.children ?? [];
    return name === undefined || value === undefined
      ? []
      : [{ name: String(name.value), offset: name.offset, value }];
  });
}
