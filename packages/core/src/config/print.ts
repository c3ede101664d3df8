// The configuration in force, as a file that would give it again; secrets are masked.

import { stringify } from "yaml";
import { settings } from "./catalogue.ts";
import type { Loaded } from "./load.ts";

export function printConfig({ given, config }: Loaded): string {
  const tree: Record<string, unknown> = {};
  for (const { key, secret } of settings) {
    const found = given.get(key);
    if (found === undefined) continue;
    const value = key === "unix_socket" ? config.unix_socket : found.value;
    const steps = key.split(".");
    const last = steps.pop() ?? "";
    let at = tree;
    for (const step of steps) {
      const next = at[step];
      // Only sections were put at inner steps, by the line below.
      at = next === undefined ? (at[step] = {}) : (next as Record<string, unknown>);
    }
    at[last] = secret ? "(hidden)" : value;
  }
  return stringify(tree, { lineWidth: 0 });
}
