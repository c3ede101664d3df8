// Relay maps as people and services write them: Go's spelling of the fields or headscale's lower-case one. A map is
// taken whole or not at all, and what is wrong is named by its place.
import { type Problem, problem, ProblemError } from "@hydrascale/core/lib/errors";
import { parseAddr } from "@hydrascale/core/lib/ip";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import type { DERPNode, DERPRegion } from "@hydrascale/core/wire/tailcfg/derp";

/** One source's say. A null region takes the region of an earlier source away. */
export interface ParsedDerpMap {
  readonly regions: ReadonlyMap<number, DERPRegion | null>;
  readonly scores: Readonly<Record<string, number>>;
}

export interface ParseOptions {
  /** File or URL, for messages. */
  readonly source: string;
  /** Whether fields that nobody knows are an error (typing mistakes in a file) or left out (news from a service). */
  readonly strict: boolean;
}

const maxRegions = 1000;
const maxNodes = 100;

export function parseDerpMap(value: unknown, options: ParseOptions): Result<ParsedDerpMap, Problem> {
  try {
    return ok(readMap(new Fields(value, "", options)));
  } catch (cause) {
    if (cause instanceof ProblemError) return err(cause.problem);
    throw cause;
  }
}

function readMap(map: Fields): ParsedDerpMap {
  const regions = new Map<number, DERPRegion | null>();
  const entries = map.members("regions");
  if (entries.length > maxRegions) map.fail("regions", `has more than ${maxRegions} regions`);
  for (const [key, value] of entries) {
    const id = Number(key);
    const path = `regions.${key}`;
    if (!/^[0-9]{1,5}$/.test(key) || id < 1 || id > 65_535)
      map.fail(path, "the region id must be 1 to 65535");
    regions.set(id, value === null ? null : readRegion(map.child(value, path), id));
  }
  const home = map.optional("homeparams");
  const scores = home === undefined ? {} : readScores(home);
  map.ignore("omitdefaultregions"); // only means something in a policy
  map.done();
  return { regions, scores };
}

function readScores(home: Fields): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const [id, score] of home.members("regionscore")) {
    if (typeof score !== "number" || !(score > 0)) home.fail(`regionscore.${id}`, "must be a number above 0");
    scores[id] = score;
  }
  home.done();
  return scores;
}

function readRegion(fields: Fields, id: number): DERPRegion {
  const stated = fields.integer("regionid", 0, 65_535) ?? 0;
  if (stated !== 0 && stated !== id) fields.fail("regionid", `must be ${id}, the key of the region`);
  const nodes = fields.list("nodes");
  if (nodes.length === 0) fields.fail("nodes", "must not be empty: clients lose packets over such a region");
  if (nodes.length > maxNodes) fields.fail("nodes", `has more than ${maxNodes} nodes`);
  const code = fields.text("regioncode") ?? "";
  const region: DERPRegion = {
    RegionID: id,
    RegionCode: code,
    RegionName: fields.text("regionname") ?? code,
    ...present({
      Latitude: fields.number("latitude"),
      Longitude: fields.number("longitude"),
      Avoid: fields.flag("avoid"),
      NoMeasureNoHome: fields.flag("nomeasurenohome"),
    }),
    Nodes: nodes.map((node) => readNode(node, id)),
  };
  const names = new Set(region.Nodes.map((node) => node.Name));
  if (names.size < region.Nodes.length) fields.fail("nodes", "two nodes have the same name");
  fields.done();
  return region;
}

function readNode(fields: Fields, id: number): DERPNode {
  const stated = fields.integer("regionid", 0, 65_535) ?? 0;
  if (stated !== 0 && stated !== id) fields.fail("regionid", `must be ${id}, the id of the region`);
  const name = fields.text("name") ?? "";
  if (name === "") fields.fail("name", "is missing");
  const host = fields.text("hostname") ?? "";
  if (parseAddr(host) === undefined && !/^[A-Za-z0-9_.-]{1,253}$/.test(host))
    fields.fail("hostname", "must be a name or an address, without a port");
  const node: DERPNode = {
    Name: name,
    RegionID: id,
    HostName: host,
    ...present({
      CertName: fields.text("certname"),
      IPv4: fields.address("ipv4", 4),
      IPv6: fields.address("ipv6", 6),
      STUNPort: fields.integer("stunport", -1, 65_535),
      STUNOnly: fields.flag("stunonly"),
      DERPPort: fields.integer("derpport", 0, 65_535),
      InsecureForTests: fields.flag("insecurefortests"),
      STUNTestIP: fields.text("stuntestip"),
      CanPort80: fields.flag("canport80"),
    }),
  };
  if (node.IPv4 === "none" && node.IPv6 === "none") fields.fail("ipv6", "and ipv4 must not both be none");
  fields.done();
  return node;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
function present<T extends object>(members: T): Present<T> {
  // Only undefined values are left out, which is what the type says.
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>;
}

/** The members of one object, by lower-case name. Null is as good as absent, as in Go. */
class Fields {
  readonly #members = new Map<string, { readonly name: string; readonly value: unknown }>();
  readonly #path: string;
  readonly #options: ParseOptions;

  constructor(value: unknown, path: string, options: ParseOptions) {
    this.#path = path;
    this.#options = options;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#problem(path, "must be an object");
    for (const [name, member] of Object.entries(value))
      this.#members.set(name.toLowerCase(), { name, value: member });
  }

  child(value: unknown, path: string): Fields {
    return new Fields(value, this.#at(path), this.#options);
  }

  fail(field: string, what: string): never {
    throw this.#problem(this.#at(field), what);
  }

  text(field: string): string | undefined {
    const value = this.#take(field);
    if (value === undefined) return undefined;
    if (typeof value !== "string" || value.length > 253)
      this.fail(field, "must be a text of at most 253 characters");
    return value;
  }

  number(field: string): number | undefined {
    const value = this.#take(field);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isFinite(value)) this.fail(field, "must be a number");
    return value;
  }

  integer(field: string, min: number, max: number): number | undefined {
    const value = this.number(field);
    if (value !== undefined && (!Number.isInteger(value) || value < min || value > max))
      this.fail(field, `must be a whole number from ${min} to ${max}`);
    return value;
  }

  flag(field: string): boolean | undefined {
    const value = this.#take(field);
    if (value === undefined) return undefined;
    if (typeof value !== "boolean") this.fail(field, "must be true or false");
    return value;
  }

  address(field: string, family: 4 | 6): string | undefined {
    const value = this.text(field);
    if (value === undefined || value === "" || value === "none") return value;
    if (parseAddr(value)?.family !== family)
      this.fail(field, `must be an IPv${family} address, none (family off) or empty (by DNS)`);
    return value;
  }

  list(field: string): Fields[] {
    const value = this.#take(field) ?? [];
    if (!Array.isArray(value)) this.fail(field, "must be a list");
    return value.map((item, i) => this.child(item, `${field}[${i}]`));
  }

  members(field: string): [string, unknown][] {
    const value = this.#take(field) ?? {};
    if (typeof value !== "object" || Array.isArray(value)) this.fail(field, "must be an object");
    return Object.entries(value);
  }

  optional(field: string): Fields | undefined {
    const value = this.#take(field);
    return value === undefined ? undefined : this.child(value, field);
  }

  ignore(field: string): void {
    this.#members.delete(field);
  }

  /** All fields have been asked for: what is left is unknown. */
  done(): void {
    const [left] = this.#members.values();
    if (this.#options.strict && left !== undefined) this.fail(left.name, "is not a field of a relay map");
  }

  #take(field: string): unknown {
    const value = this.#members.get(field)?.value ?? undefined;
    this.#members.delete(field);
    return value;
  }

  #at(field: string): string {
    return this.#path === "" ? field : `${this.#path}.${field}`;
  }

  #problem(path: string, what: string): ProblemError {
    const place = path === "" ? "" : `${path}: `;
    return new ProblemError(problem("invalid", `relay map ${this.#options.source}: ${place}${what}`));
  }
}
