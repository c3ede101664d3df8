// One configuration from defaults, file, environment and flags, the later winning. Strict: what is not understood is
// an error that names the nearest name, and all problems come at once. Pure: the file's text and the environment are given.

import { dirname, isAbsolute, join } from "node:path";
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import { problem, type Problem } from "../lib/errors.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { crossCheck, type Finding } from "./checks.ts";
import { sections, settingByKey, settingByVariable, settings, type Setting } from "./catalogue.ts";
import { foreignKey } from "./foreign.ts";
import { nearest } from "./nearest.ts";
import { schema, type Config } from "./schema.ts";

export type Origin = "default" | "file" | "environment" | "flag";

/** One setting's value before it is checked. */
interface Given {
  readonly value: unknown;
  readonly origin: Origin;
  /** Where it was written, for messages: `config.yaml:12`, `HYDRASCALE_SERVER_URL`, `--listen`. */
  readonly where: string;
}

export interface LoadInput {
  /** Name of the file that `text` came from; its folder is what relative paths in it stand on. */
  readonly file?: string;
  readonly text?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By key; values as in the file. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** By key; what stands in for the schema's own defaults. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export interface Loaded {
  readonly config: Config;
  /** What is odd but not wrong; one line each. */
  readonly warnings: readonly string[];
  /** The values before they were checked, by key, for `--print-config`. */
  readonly given: ReadonlyMap<string, { readonly value: unknown; readonly origin: Origin }>;
}

const maxText = 1024 * 1024;
/** Not settings: read by the commands themselves. */
const commandVariables = new Set(["HYDRASCALE_DIR", "HYDRASCALE_CONFIG"]);
/** What Kubernetes sets for a service called hydrascale (or hydrascale-…). */
const serviceLink =
  /^HYDRASCALE_(.+_)?(SERVICE_(HOST|PORT)(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

const show = (setting: Setting | undefined, value: unknown): string => {
  if (setting?.secret) return "(hidden)";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
};

class Loader {
  readonly problems: Problem[] = [];
  readonly warnings: string[] = [];
  unreadable = false;
  readonly given = new Map<string, Given>();
  private readonly input: LoadInput;

  constructor(input: LoadInput) {
    this.input = input;
  }

  refuse(code: "invalid" | "unsupported", where: string, message: string, hint?: string): void {
    this.problems.push(problem(code, where === "" ? message : `${where}: ${message}`, hint));
  }

  defaults(): void {
    for (const { key, fallback } of settings) {
      const value = this.input.defaults?.[key] ?? fallback;
      if (value !== undefined) this.given.set(key, { value, origin: "default", where: "default" });
    }
  }

  file(): void {
    const tree = this.parse();
    if (tree === undefined) return;
    const { doc, lines, value } = tree;
    const { file = "config" } = this.input;
    this.section(value, [], (path) => `${file}:${lineOf(doc, lines, path)}`);
  }

  private parse(): { doc: Document; lines: LineCounter; value: unknown } | undefined {
    const { text, file = "config" } = this.input;
    if (text === undefined) return undefined;
    this.unreadable = true;
    if (text.length > maxText) {
      this.refuse("invalid", file, "more than 1 MiB of configuration");
      return undefined;
    }
    const lines = new LineCounter();
    const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    for (const error of doc.errors) {
      const at = lines.linePos(error.pos[0]).line;
      this.refuse(
        "invalid",
        `${file}:${at}`,
        `not valid YAML: ${error.message.toLowerCase().replace(/\.$/, "")}`,
      );
    }
    if (doc.errors.length > 0) return undefined;
    if (doc.contents !== null && !isMap(doc.contents)) {
      this.refuse("invalid", file, "must be a mapping of settings to values");
      return undefined;
    }
    try {
      const value: unknown = doc.toJS();
      this.unreadable = false;
      return { doc, lines, value };
    } catch {
      this.refuse("invalid", file, "has more aliases than a configuration can need");
      return undefined;
    }
  }

  private section(node: unknown, path: readonly string[], at: (path: readonly string[]) => string): void {
    if (typeof node !== "object" || node === null) return;
    for (const [name, value] of Object.entries(node)) {
      const steps = [...path, name];
      const key = steps.join(".");
      const where = at(steps);
      if (settingByKey.has(key)) {
        // An empty value in YAML is null: the setting is named but left as it is.
        if (value !== null) this.given.set(key, { value: this.fromFile(key, value), origin: "file", where });
      } else if (sections.has(key)) {
        if (value !== null && (typeof value !== "object" || Array.isArray(value)))
          this.refuse(
            "invalid",
            where,
            `${key} = ${show(undefined, value)}: is a section with settings below it`,
          );
        else this.section(value, steps, at);
      } else this.unknownKey(key, where);
    }
  }

  private unknownKey(key: string, where: string): void {
    const foreign = foreignKey(key);
    if (foreign !== undefined)
      return this.refuse("unsupported", where, `${key}: ${foreign.message}`, foreign.hint);
    const parent = key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : "";
    const siblings = [...settingByKey.keys(), ...sections].filter(
      (k) => (k.includes(".") ? k.slice(0, k.lastIndexOf(".")) : "") === parent,
    );
    const guess = nearest(key, siblings) ?? nearest(key, settingByKey.keys());
    this.refuse(
      "invalid",
      where,
      `${key}: there is no such setting`,
      guess === undefined ? "docs/config.md lists all settings" : `did you mean ${guess}?`,
    );
  }

  /** Relative paths in a file stand on the file's folder. */
  private fromFile(key: string, value: unknown): unknown {
    const { file } = this.input;
    const type = settingByKey.get(key)?.type;
    const resolve = (path: unknown): unknown =>
      typeof path === "string" && path !== "" && file !== undefined && !isAbsolute(path)
        ? join(dirname(file), path)
        : path;
    if (type === "path") return resolve(value);
    return type === "list of paths" && Array.isArray(value) ? value.map(resolve) : value;
  }

  environment(): void {
    for (const [name, text] of Object.entries(this.input.env ?? {})) {
      if (!name.startsWith("HYDRASCALE_") || text === undefined) continue;
      if (commandVariables.has(name) || serviceLink.test(name)) continue;
      const setting = settingByVariable.get(name);
      if (setting === undefined) {
        this.unknownVariable(name);
        continue;
      }
      const value = fromText(setting, text);
      if (value.ok) this.given.set(setting.key, { value: value.value, origin: "environment", where: name });
      else this.refuse("invalid", name, `${setting.key} = ${show(setting, text)}: ${value.error}`);
    }
  }

  private unknownVariable(name: string): void {
    const dotted = name.slice("HYDRASCALE_".length).toLowerCase();
    const foreign = foreignKey(dotted) ?? foreignKey(dotted.replaceAll("_", "."));
    if (foreign !== undefined) return this.refuse("unsupported", name, foreign.message, foreign.hint);
    const rest = name.slice("HYDRASCALE_".length);
    const guess = nearest(
      rest,
      settings.map((s) => s.variable.slice("HYDRASCALE_".length)),
    );
    // The environment is not ours alone: what resembles no setting is somebody else's, and only said.
    if (guess === undefined) this.warnings.push(`${name}: there is no such setting, so it does nothing`);
    else this.refuse("invalid", name, "there is no such setting", `did you mean HYDRASCALE_${guess}?`);
  }

  flags(): void {
    for (const [key, value] of Object.entries(this.input.flags ?? {}))
      if (value !== undefined) this.given.set(key, { value, origin: "flag", where: "command line" });
  }

  /** Checks all values; a bad one is reported and replaced by its default, so that the rest is checked too. */
  check(): { config: Config; faulty: ReadonlySet<string> } | undefined {
    const faulty = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const parsed = schema.safeParse(nest(this.given));
      if (parsed.success) return { config: complete(parsed.data), faulty };
      for (const issue of parsed.error.issues) this.issue(issue.path.map(String), issue.message, faulty);
      for (const key of faulty) {
        const fallback = settingByKey.get(key)?.fallback;
        const stand = key === "server_url" ? "http://localhost" : fallback;
        if (stand === undefined) this.given.delete(key);
        else this.given.set(key, { value: stand, origin: "default", where: "default" });
      }
    }
    return undefined;
  }

  private issue(path: readonly string[], message: string, faulty: Set<string>): void {
    let depth = path.length;
    while (depth > 0 && !settingByKey.has(path.slice(0, depth).join("."))) depth--;
    const key = path.slice(0, depth).join(".");
    const setting = settingByKey.get(key);
    const given = this.given.get(key);
    faulty.add(key);
    if (given === undefined) return this.refuse("invalid", "", `${key}: is missing`, example(setting));
    const within = path.slice(depth).map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`));
    let value = given.value;
    for (const step of path.slice(depth)) value = child(value, step);
    const shown = value === undefined ? "" : ` = ${show(setting, value)}`;
    this.refuse("invalid", given.where, `${key}${within.join("")}${shown}: ${message}`, example(setting));
  }

  cross(config: Config, faulty: ReadonlySet<string>): void {
    const overridden = this.given.get("dns.override_local_dns")?.value === true;
    for (const finding of crossCheck(config, overridden)) {
      if (finding.keys.some((key) => faulty.has(key))) continue;
      const line = this.describe(finding);
      if (finding.severity === "warning") this.warnings.push(`${line} (${finding.hint})`);
      else this.problems.push(problem("invalid", line, finding.hint));
    }
  }

  private describe(finding: Finding): string {
    const [key] = finding.keys;
    const given = this.given.get(key);
    const where = given === undefined || given.origin === "default" ? "" : `${given.where}: `;
    const shown = given === undefined ? "" : ` = ${show(settingByKey.get(key), given.value)}`;
    return `${where}${key}${shown}: ${finding.message}`;
  }
}

/** Fills in what follows from other settings. */
const complete = (config: Config): Config =>
  config.unix_socket === "" ? { ...config, unix_socket: join(config.state_dir, "hydrascale.sock") } : config;

const example = (setting: Setting | undefined): string | undefined =>
  setting?.example === undefined ? undefined : `for example: ${show(setting, setting.example)}`;

const child = (value: unknown, step: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined;

function lineOf(doc: Document, lines: LineCounter, path: readonly string[]): number {
  let node: unknown = doc.contents;
  let at = 0;
  for (const step of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String(item.key) === step);
    const range: unknown = child(pair?.key, "range");
    if (Array.isArray(range) && typeof range[0] === "number") at = range[0];
    node = pair?.value;
  }
  return lines.linePos(at).line;
}

/** A variable's text as the value it stands for. Lists: words, or JSON; maps: JSON. */
function fromText(setting: Setting, text: string): Result<unknown, string> {
  const trimmed = text.trim();
  const json = (): Result<unknown, string> => {
    try {
      return ok(JSON.parse(trimmed));
    } catch {
      return err("must be JSON");
    }
  };
  switch (setting.env) {
    case "boolean":
      if (/^(true|1)$/i.test(trimmed)) return ok(true);
      return /^(false|0)$/i.test(trimmed) ? ok(false) : err("must be true or false");
    case "number":
      return /^-?\d{1,15}$/.test(trimmed) ? ok(Number(trimmed)) : err("must be a whole number");
    case "list":
      return trimmed.startsWith("[") ? json() : ok(trimmed.split(/[\s,]+/).filter((word) => word !== ""));
    case "json":
      return trimmed === "" ? ok(setting.fallback) : json();
    case "text":
      break;
  }
  return ok(text);
}

function nest(given: ReadonlyMap<string, Given>): unknown {
  const root: Record<string, unknown> = {};
  for (const section of sections) place(root, section, {});
  for (const [key, { value }] of given) place(root, key, value);
  return root;
}

function place(root: Record<string, unknown>, key: string, value: unknown): void {
  const steps = key.split(".");
  const last = steps.pop() ?? "";
  let at = root;
  for (const step of steps) {
    // Sections are placed before what is in them, so what is found is one.
    at = (at[step] ??= {}) as Record<string, unknown>;
  }
  at[last] = value;
}

export function loadConfig(input: LoadInput): Result<Loaded, readonly Problem[]> {
  const loader = new Loader(input);
  loader.defaults();
  loader.file();
  loader.environment();
  loader.flags();
  // A file that cannot be read at all is the whole story: what it would have set is not missing.
  if (loader.unreadable) return err(loader.problems);
  const checked = loader.check();
  if (checked === undefined) return err(loader.problems);
  loader.cross(checked.config, checked.faulty);
  if (loader.problems.length > 0) return err(loader.problems);
  return ok({ config: checked.config, warnings: loader.warnings, given: loader.given });
}
