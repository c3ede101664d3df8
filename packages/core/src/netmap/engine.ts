// The netmap engine: follows the folds row by row and marks what each open stream has to be told. It has no I/O and
// no timers: the gateway calls apply() for each message, expire() at a node's time, and takes frames at its own pace.

import type { PolicyFacts } from "../domain/directory/commands.ts";
import type { DirectoryState } from "../domain/directory/state.ts";
import type { NodeId, UserId } from "../domain/ids.ts";
import type { LiveState } from "../domain/live/state.ts";
import { closedPolicy, openPolicy } from "../domain/policy/compiled.ts";
import type { CompiledPolicy } from "../domain/policy/compiled.ts";
import { compilePolicy } from "../domain/policy/compile.ts";
import type { Policy } from "../domain/policy/compile.ts";
import type { Problem } from "../lib/errors.ts";
import type { RowChange } from "../lib/table.ts";
import type { DERPMap } from "../wire/tailcfg/derp.ts";
import type { MapResponse } from "../wire/tailcfg/map.ts";
import { Viewer } from "./dirty.ts";
import { TailnetTexts, fieldNames, noSettings } from "./fields.ts";
import { tailnetRanges } from "./filters.ts";
import { Population } from "./population.ts";
import { profileText } from "./profile.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session.ts";
import { SharedFrames } from "./shared-frames.ts";

export interface NetmapOptions {
  /** zstd, unless a stream asks otherwise. */
  readonly compress: boolean;
  readonly now: () => number;
  /** The relay map as a client of this version gets it; the stored one by default. */
  readonly derpMapFor?: (map: DERPMap, capver: number) => DERPMap;
}

export interface ViewerOptions {
  readonly node: NodeId;
  readonly capver: number;
  /** At most once until the next take() or full(), when the change was applied as a whole. */
  readonly onDirty: () => void;
  readonly compress?: boolean;
}

export interface NetmapSession {
  /** The complete first map; resets what is pending. */
  full(): Buffer[];
  /** What is due now, framed; [] if nothing. Several frames where one would lose something (protocol 7.5). */
  take(): Buffer[];
  /** One frame with just these fields. */
  extra(fields: MapResponse): Buffer;
  /** The node was deleted, and the last frame said so. */
  readonly ended: boolean;
  close(): void;
}

export class Netmap {
  private readonly directory: DirectoryState;
  private readonly live: LiveState;
  private readonly options: NetmapOptions;
  private readonly population: Population;
  private readonly frames = new SharedFrames();
  private readonly waking = new Set<Viewer>();
  private readonly callbacks = new Map<Viewer, () => void>();
  private readonly host: SessionHost;
  private texts: TailnetTexts;
  private compiled: Policy | undefined;
  private faults: readonly Problem[] = [];

  constructor(directory: DirectoryState, live: LiveState, options: NetmapOptions) {
    this.directory = directory;
    this.live = live;
    this.options = options;
    this.texts = this.readSettings();
    this.population = new Population(directory, live, this.readPolicy(), this.ranges(), options.now);
    this.host = this.makeHost();
    this.population.refresh(new Set([...directory.nodes.entries()].map(([id]) => id)), this.texts);
  }

  /** Row changes of one applied log message; the tables already hold the new state. */
  apply(changes: readonly RowChange[]): void {
    const { directory, live } = this;
    const nodes = new Set<NodeId>();
    const users = new Set<UserId>();
    let settings = false;
    let policy = false;
    for (const { table, id } of changes) {
      // A table's rows are named by its own kind of id, which a change does not tell.
      if (table === directory.nodes.name || table === live.live.name) nodes.add(id as NodeId);
      else if (table === directory.users.name) users.add(id as UserId);
      else if (table === directory.settings.name || table === directory.tailnet.name) settings = true;
      else if (table === directory.policy.name) policy = true;
    }
    if (settings) this.settingsChanged(nodes);
    for (const user of users) this.userChanged(user, nodes);
    this.population.refresh(nodes, this.texts);
    if (policy) this.population.setPolicy(this.readPolicy());
    this.wake();
  }

  /** The time of the node's key has come (or moved): tells it and its peers. */
  expire(node: NodeId): void {
    this.population.refresh(new Set([node]), this.texts);
    this.wake();
  }

  open(viewer: ViewerOptions): NetmapSession | undefined {
    if (this.population.classOf(viewer.node) === undefined) return undefined;
    const marked = new Viewer(viewer.node, this.waking);
    this.callbacks.set(marked, viewer.onDirty);
    this.population.attach(marked);
    return new Session(this.host, marked, viewer.capver, viewer.compress ?? this.options.compress);
  }

  /** What decisions need of the policy in force. */
  get policy(): PolicyFacts {
    const { compiled, directory } = this;
    return {
      version: directory.policy.get("policy")?.version ?? 0,
      tagExists: (tag) => compiled?.tagExists(tag) ?? false,
      mayTag: (id, tag) => {
        const user = directory.users.get(id);
        return user !== undefined && (compiled?.mayTag(user, tag) ?? false);
      },
    };
  }

  /** What is wrong with a policy text; nothing if it can be stored. */
  check(text: string): readonly Problem[] {
    const result = compilePolicy(text);
    return result.ok ? [] : result.error;
  }

  /** What is wrong with the stored policy: another release accepted it, this one cannot, and allows nothing. */
  get policyProblems(): readonly Problem[] {
    return this.faults;
  }

  sees(a: NodeId, b: NodeId): boolean {
    return this.population.sees(a, b);
  }

  /** Frames encoded so far: one per change and kind of recipient, not one per recipient. */
  get encoded(): number {
    return this.frames.encoded;
  }

  private settingsChanged(nodes: Set<NodeId>): void {
    const before = this.texts.settings.dns.baseDomain;
    this.texts = this.readSettings();
    this.population.filters.setRanges(this.ranges());
    this.population.markAll(fieldNames);
    if (this.texts.settings.dns.baseDomain !== before)
      for (const [id] of this.directory.nodes.entries()) nodes.add(id);
  }

  private userChanged(user: UserId, nodes: Set<NodeId>): void {
    for (const id of this.directory.index.nodesByUser(user)) nodes.add(id);
    if (!this.directory.users.has(user)) return;
    for (const own of this.population.viewers.values())
      for (const v of own) if (v.known.has(user)) v.dirty.profiles.add(user);
  }

  private wake(): void {
    const woken = [...this.waking];
    this.waking.clear();
    for (const viewer of woken) this.callbacks.get(viewer)?.();
  }

  private readSettings(): TailnetTexts {
    const settings = this.directory.settings.get("settings")?.settings ?? noSettings;
    const name = this.directory.tailnet.get("tailnet")?.name ?? "";
    return new TailnetTexts(settings, name, this.options.derpMapFor ?? ((map) => map));
  }

  private ranges(): readonly string[] {
    return tailnetRanges(this.texts.settings.prefixes);
  }

  private readPolicy(): CompiledPolicy {
    this.compiled = undefined;
    this.faults = [];
    const stored = this.directory.policy.get("policy");
    if (stored === undefined) return openPolicy;
    const result = compilePolicy(stored.text);
    if (!result.ok) {
      this.faults = result.error;
      return closedPolicy;
    }
    this.compiled = result.value;
    return result.value.rules;
  }

  private makeHost(): SessionHost {
    const { population, frames } = this;
    return {
      view: (id) => population.views.get(id),
      classOf: (id) => population.classOf(id),
      source: (view, cls, capver) => ({
        view,
        cls,
        capver,
        tailnet: this.texts,
        filters: population.filters,
      }),
      profile: (owner) => profileText(this.directory, owner),
      encode: (json, compress, shared) => frames.encode(json, compress, shared),
      now: this.options.now,
      settings: () => this.texts.settings,
      closed: (viewer) => {
        population.detach(viewer);
        this.callbacks.delete(viewer);
        this.waking.delete(viewer);
      },
    };
  }
}
