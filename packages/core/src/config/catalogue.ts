// The schema as a flat list: what the loader merges by, what the environment's names come from, what docs are made of.

import { z } from "zod";
import { schema } from "./schema.ts";
import { settingMeta, type SettingMeta } from "./leaf.ts";

export interface Setting extends SettingMeta {
  /** Dotted, e.g. `dns.base_domain`. */
  readonly key: string;
  readonly variable: string;
}

export const variableOf = (key: string): string => `HYDRASCALE_${key.toUpperCase().replaceAll(".", "_")}`;

function collect(node: z.ZodType, path: readonly string[], into: Setting[]): void {
  const meta = settingMeta.get(node);
  if (meta !== undefined) {
    const key = path.join(".");
    into.push({ ...meta, key, variable: variableOf(key) });
    return;
  }
  if (!(node instanceof z.ZodObject))
    throw new Error(`${path.join(".")}: neither a section nor a described setting`);
  for (const [name, child] of Object.entries(node.shape)) {
    // ZodObject's shape is typed by zod's core type; every schema that is built here is a ZodType.
    collect(child as z.ZodType, [...path, name], into);
  }
}

function catalogue(): readonly Setting[] {
  const list: Setting[] = [];
  collect(schema, [], list);
  return list;
}

export const settings: readonly Setting[] = catalogue();
export const settingByKey: ReadonlyMap<string, Setting> = new Map(settings.map((s) => [s.key, s]));
export const settingByVariable: ReadonlyMap<string, Setting> = new Map(settings.map((s) => [s.variable, s]));

/** Keys that have settings below them: `dns`, `dns.nameservers`, … */
export const sections: ReadonlySet<string> = new Set(
  settings.flatMap(({ key }) =>
    key
      .split(".")
      .slice(0, -1)
      .map((_, i, steps) => steps.slice(0, i + 1).join(".")),
  ),
);
