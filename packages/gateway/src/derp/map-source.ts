// Where the relay map comes from: URLs, then files, then the embedded relay; a later source wins region by region.
// Once there is a good map there is always one: a source that fails later keeps its last good word, with a warning.
import { readFile, stat } from "node:fs/promises";
import type { Clock } from "@hydrascale/core/lib/clock";
import { type Problem, problem, ProblemError } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import type { DERPMap, DERPRegion } from "@hydrascale/core/wire/tailcfg/derp";
import { parse as parseYaml } from "yaml";
import { type ParsedDerpMap, parseDerpMap } from "./map-parse.ts";

const maxBytes = 1 << 20;
const fetchTimeoutMs = 10_000;

export interface DerpMapInputs {
  /** JSON over HTTP. */
  readonly urls: readonly string[];
  /** YAML or JSON on disk. */
  readonly paths: readonly string[];
  readonly embedded?: DERPRegion | undefined;
  readonly fetch: typeof fetch;
  /** Stands in for all sources when one of them fails that has never worked, for instance from before a restart. */
  readonly lastGood?: DERPMap | undefined;
  readonly warn?: ((problem: Problem) => void) | undefined;
}

/** Reads all sources once. */
export const loadDerpMap = (inputs: DerpMapInputs): Promise<Result<DERPMap, Problem>> =>
  loadKeeping(inputs, new Map());

export interface DerpMapSourceOptions extends DerpMapInputs {
  readonly clock: Clock;
  /** undefined: only `refresh` reads again. */
  readonly everyMs?: number | undefined;
  /** Called when the map differs from the one before; not for the first. */
  readonly onChange: (map: DERPMap) => void;
}

/** A relay map that is kept up to date. */
export class DerpMapSource {
  readonly #options: DerpMapSourceOptions;
  readonly #kept = new Map<string, ParsedDerpMap>();
  #embedded: DERPRegion | undefined;
  #current: DERPMap | undefined;
  #stopTimer: () => void = () => {};
  #closed = false;
  #running: Promise<Result<DERPMap, Problem>> | undefined;

  constructor(options: DerpMapSourceOptions) {
    this.#options = options;
    this.#embedded = options.embedded;
  }

  /** undefined before the first successful refresh. */
  get current(): DERPMap | undefined {
    return this.#current;
  }

  /** Reads all sources again and plans the next time. A call during another one gets the same answer. */
  refresh(): Promise<Result<DERPMap, Problem>> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined;
      this.#plan();
    });
    return this.#running;
  }

  /** The embedded relay has another pin or address. */
  async setEmbedded(region: DERPRegion | undefined): Promise<Result<DERPMap, Problem>> {
    await this.#running;
    this.#embedded = region;
    return this.refresh();
  }

  close(): void {
    this.#closed = true;
    this.#stopTimer();
  }

  async #refresh(): Promise<Result<DERPMap, Problem>> {
    const loaded = await loadKeeping(
      { ...this.#options, embedded: this.#embedded, lastGood: this.#current ?? this.#options.lastGood },
      this.#kept,
    );
    if (!loaded.ok || this.#closed) return loaded;
    const before = this.#current;
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(loaded.value)) return ok(before);
    this.#current = loaded.value;
    if (before !== undefined) this.#options.onChange(loaded.value);
    return loaded;
  }

  #plan(): void {
    this.#stopTimer();
    const { clock, everyMs } = this.#options;
    if (everyMs === undefined || this.#closed) return;
    this.#stopTimer = clock.after(everyMs, () => void this.refresh());
  }
}

/** `kept` holds the last good word of each source and is brought up to date. */
async function loadKeeping(
  inputs: DerpMapInputs,
  kept: Map<string, ParsedDerpMap>,
): Promise<Result<DERPMap, Problem>> {
  const sources = [
    ...inputs.urls.map((url) => ({ name: url, read: () => readUrl(url, inputs.fetch) })),
    ...inputs.paths.map((path) => ({ name: path, read: () => readPath(path) })),
  ];
  const read = await Promise.all(sources.map((source) => source.read()));
  const parsed: ParsedDerpMap[] = [];
  for (const [i, source] of sources.entries()) {
    const result = read[i];
    if (result?.ok === true) kept.set(source.name, result.value);
    else if (result !== undefined && (kept.has(source.name) || inputs.lastGood !== undefined))
      inputs.warn?.(result.error);
    else if (result !== undefined) return result;
    const word = kept.get(source.name);
    // Never heard, and now silent: the whole map of last time stands in, with the embedded relay of today.
    if (word === undefined && inputs.lastGood !== undefined)
      return merge([asParsed(inputs.lastGood)], inputs.embedded);
    if (word !== undefined) parsed.push(word);
  }
  return merge(parsed, inputs.embedded);
}

function merge(maps: readonly ParsedDerpMap[], embedded: DERPRegion | undefined): Result<DERPMap, Problem> {
  const regions = new Map<number, DERPRegion>();
  const scores: Record<string, number> = {};
  for (const map of maps) {
    Object.assign(scores, map.scores);
    for (const [id, region] of map.regions) {
      if (region === null) regions.delete(id);
      else regions.set(id, region);
    }
  }
  if (embedded !== undefined) regions.set(embedded.RegionID, embedded);
  if (![...regions.values()].some((region) => region.Nodes.some((node) => node.STUNOnly !== true)))
    return err(
      problem(
        "setup",
        "relay map: no region has a relay, and clients without one never come up",
        "set derp.server.enabled, or name a map in derp.urls or derp.paths",
      ),
    );
  const ordered = [...regions].sort(([a], [b]) => a - b);
  const map: DERPMap = { Regions: Object.fromEntries(ordered) };
  if (Object.keys(scores).length > 0) map.HomeParams = { RegionScore: scores };
  return ok(map);
}

const asParsed = (map: DERPMap): ParsedDerpMap => ({
  regions: new Map(Object.values(map.Regions).map((region) => [region.RegionID, region])),
  scores: map.HomeParams?.RegionScore ?? {},
});

async function readPath(path: string): Promise<Result<ParsedDerpMap, Problem>> {
  let text: string;
  try {
    if ((await stat(path)).size > maxBytes) return err(tooLarge(path));
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    return err(problem("setup", `relay map ${path}: cannot be read (${code})`, "correct derp.paths"));
  }
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (cause) {
    const [why = ""] = (cause instanceof Error ? cause.message : "").split("\n", 1);
    return err(problem("invalid", `relay map ${path}: not YAML: ${why}`));
  }
  return parseDerpMap(value, { source: path, strict: true });
}

async function readUrl(url: string, get: typeof fetch): Promise<Result<ParsedDerpMap, Problem>> {
  const source = shownUrl(url);
  const hint = "correct derp.urls, or see that this machine reaches it";
  try {
    const response = await get(url, { signal: AbortSignal.timeout(fetchTimeoutMs) });
    if (!response.ok) {
      await response.body?.cancel();
      return err(problem("unavailable", `relay map ${source}: answered ${response.status}`, hint));
    }
    const text = await readText(response, source);
    return parseDerpMap(parseJson(text, source), { source, strict: false });
  } catch (cause) {
    if (cause instanceof ProblemError) return err(cause.problem);
    return err(problem("unavailable", `relay map ${source}: cannot be fetched (${reasonOf(cause)})`, hint));
  }
}

async function readText(response: Response, source: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (response.body !== null)
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      // lib.dom's type lacks the iterator
      length += chunk.length;
      if (length > maxBytes) throw new ProblemError(tooLarge(source));
      chunks.push(chunk);
    }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ProblemError(problem("invalid", `relay map ${source}: not JSON`));
  }
}

/** The code below a failed fetch, never its text, which may hold the URL with what is secret in it. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown error";
  if (cause.name === "TimeoutError") return `no answer in ${fetchTimeoutMs / 1000} s`;
  const below = cause.cause;
  return below instanceof Error && "code" in below ? String(below.code) : cause.name;
}

/** Without credentials and query, which may be secret. */
function shownUrl(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

const tooLarge = (source: string): Problem =>
  problem("too-large", `relay map ${source}: longer than ${maxBytes} bytes`);
