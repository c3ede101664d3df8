// Trees for people: a line per item, its children below it.

import { printable } from "./table.ts";

export interface Branch {
  readonly label: string;
  readonly children?: readonly Branch[];
}

function lines(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap(({ label, children = [] }, index) => {
    const last = index === branches.length - 1;
    return [
      `${indent}${last ? "└─" : "├─"} ${printable(label)}`,
      ...lines(children, `${indent}${last ? "   " : "│  "}`),
    ];
  });
}

export const renderTree = (roots: readonly Branch[]): string =>
  roots
    .flatMap(({ label, children = [] }) => [printable(label), ...lines(children, "")])
    .map((line) => `${line}\n`)
    .join("");
