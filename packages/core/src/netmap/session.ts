// One map stream's side of the netmap: turns what is dirty into messages, by what is true when they are built. It
// remembers no peers, only stamps of the fields and whose profiles the stream was sent.

import type { Settings } from "../domain/directory/settings.ts";
import type { NodeId } from "../domain/ids.ts";
import type { NodeClass } from "./classes.ts";
import { patchBit } from "./dirty.ts";
import type { Dirty, Viewer } from "./dirty.ts";
import { longAgoMs } from "./farewell.ts";
import { fieldNames, fields, firstOnly } from "./fields.ts";
import type { Built, FieldName, FieldSource } from "./fields.ts";
import type { MapResponse } from "../wire/tailcfg/map.ts";
import { NodeView } from "./view.ts";

/** What a session needs of the engine. */
export interface SessionHost {
  view(id: NodeId): NodeView | undefined;
  classOf(id: NodeId): NodeClass | undefined;
  source(view: NodeView, cls: NodeClass, capver: number): FieldSource;
  /** UserProfile of a wire user id. */
  profile(owner: number): string;
  encode(json: string, compress: boolean, shared: boolean): Buffer;
  now(): number;
  settings(): Settings;
  closed(viewer: Viewer): void;
}

/** What a dirty set comes to, given who is visible now. */
interface PeerNews {
  /** In `removed`, and among `whole` all the same: needs a message in between. */
  readonly again: boolean;
  readonly removed: NodeId[];
  readonly whole: NodeView[];
  readonly patches: string[];
}

export class Session {
  private readonly host: SessionHost;
  private readonly viewer: Viewer;
  private readonly capver: number;
  private readonly compress: boolean;
  private readonly sent = new Map<FieldName, { stamp: string; own: string | undefined }>();
  private last: NodeView | undefined;
  private started = false;
  private over = false;

  constructor(host: SessionHost, viewer: Viewer, capver: number, compress: boolean) {
    this.host = host;
    this.viewer = viewer;
    this.capver = capver;
    this.compress = compress;
    this.last = host.view(viewer.node);
  }

  /** The node is gone and the stream was told so: nothing follows. */
  get ended(): boolean {
    return this.over;
  }

  full(): Buffer[] {
    this.viewer.drain();
    const place = this.place();
    if (place === undefined) return this.farewell();
    this.started = true;
    this.viewer.known.clear();
    this.sent.clear();
    const peers = this.peers(place.cls);
    const parts = this.fieldParts(fieldNames, place).map((p) => p.text);
    addList(parts, "Peers", peers);
    parts.push(this.profiles([place.view, ...peers].map((v) => v.owner)), ...firstOnly(this.host.now()));
    return [this.frame(parts, false)];
  }

  take(): Buffer[] {
    if (this.over) return [];
    if (!this.started) return this.full();
    const dirty = this.viewer.drain();
    if (dirty === undefined) return [];
    const place = this.place();
    return place === undefined ? this.farewell() : this.delta(dirty, place);
  }

  extra(message: MapResponse): Buffer {
    return this.host.encode(JSON.stringify(message), this.compress, false);
  }

  close(): void {
    this.over = true;
    this.host.closed(this.viewer);
  }

  private place(): FieldSource | undefined {
    const view = this.host.view(this.viewer.node);
    const cls = this.host.classOf(this.viewer.node);
    if (view === undefined || cls === undefined) return undefined;
    this.last = view;
    return this.host.source(view, cls, this.capver);
  }

  private peers(cls: NodeClass): NodeView[] {
    const views: NodeView[] = [];
    for (const seen of cls.sees)
      for (const id of seen.members) {
        const view = id === this.viewer.node ? undefined : this.host.view(id);
        if (view !== undefined) views.push(view);
      }
    return views;
  }

  private delta(dirty: Dirty, place: FieldSource): Buffer[] {
    const due = this.fieldParts(
      fieldNames.filter((name) => dirty.fields.has(name)),
      place,
    );
    const news = this.peerNews(dirty, place.cls);
    const owners = news.whole.map((v) => v.owner);
    if (due.some((p) => p.name === "Node")) owners.push(place.view.owner);
    for (const owner of dirty.profiles) if (this.viewer.known.has(owner)) owners.push(owner);
    const fresh = owners.filter((o) => dirty.profiles.has(o) || !this.viewer.known.has(o));

    const frames: Buffer[] = [];
    let removed = news.removed.length > 0 ? [`"PeersRemoved":[${news.removed.join()}]`] : [];
    if (news.again) {
      frames.push(this.frame(removed, true));
      removed = [];
    }
    const parts = [...due.map((p) => p.text), ...removed];
    if (fresh.length > 0) parts.push(this.profiles(fresh));
    addList(parts, "PeersChanged", news.whole);
    const patches = news.patches.length > 0 ? [`"PeersChangedPatch":[${news.patches.join()}]`] : [];
    const split = due.some((p) => fields[p.name].heavy);
    if (!split) parts.push(...patches);
    if (parts.length > 0)
      frames.push(
        this.frame(
          parts,
          due.every((p) => p.shared),
        ),
      );
    if (split && patches.length > 0) frames.push(this.frame(patches, true));
    return frames;
  }

  private peerNews(dirty: Dirty, cls: NodeClass): PeerNews {
    const visible = (id: NodeId): NodeView | undefined => {
      const other = id === this.viewer.node ? undefined : this.host.classOf(id);
      return other !== undefined && cls.sees.has(other) ? this.host.view(id) : undefined;
    };
    const removed: NodeId[] = [];
    const whole: NodeView[] = [];
    const patches: string[] = [];
    let again = false;
    for (const id of dirty.gone) {
      const here = dirty.come.has(id) && visible(id) !== undefined;
      again ||= here;
      if (here || visible(id) === undefined) removed.push(id);
    }
    for (const id of new Set([...dirty.come, ...dirty.changed])) {
      const view = visible(id);
      if (view !== undefined) whole.push(view);
    }
    for (const [id, bits] of dirty.patched) {
      // Clients turn a whole node that they know into a patch themselves, and lose a LastSeen that was not set.
      const left = dirty.changed.has(id) ? bits & patchBit.presence : bits;
      const view = dirty.come.has(id) || left === 0 ? undefined : visible(id);
      if (view !== undefined) patches.push(view.patch(left));
    }
    return { again, removed, whole, patches };
  }

  /** Builds fields and leaves out what the stream has been sent already. */
  private fieldParts(
    names: readonly FieldName[],
    place: FieldSource,
  ): { name: FieldName; text: string; shared: boolean }[] {
    const parts: { name: FieldName; text: string; shared: boolean }[] = [];
    for (const name of names) {
      const built: Built = fields[name].build(place);
      const before = this.sent.get(name);
      if (before !== undefined && before.stamp === built.stamp && before.own === built.own) continue;
      this.sent.set(name, { stamp: built.stamp, own: built.own });
      parts.push({ name, text: `"${name}":${built.text}`, shared: built.shared });
    }
    return parts;
  }

  private profiles(owners: readonly number[]): string {
    const unique = [...new Set(owners)];
    for (const owner of unique) this.viewer.known.add(owner);
    return `"UserProfiles":[${unique.map((o) => this.host.profile(o)).join()}]`;
  }

  /** The last message of a deleted node: its key has expired. Clients that only lose the stream retry for ever. */
  private farewell(): Buffer[] {
    if (this.over || this.last === undefined) return [];
    this.over = true;
    const { input } = this.last;
    const expired = new NodeView({
      ...input,
      expired: true,
      node: { ...input.node, expiry: this.host.now() - longAgoMs },
    });
    const { stable, volatile } = expired.self(this.host.settings());
    return [this.frame([`"Node":${stable},${volatile}`], false)];
  }

  private frame(parts: readonly string[], shared: boolean): Buffer {
    return this.host.encode(`{${parts.join()}}`, this.compress, shared);
  }
}

/** A list as a run of parts, so that the text of a large map is put together once (a quarter less time at 2,000 peers). */
function addList(parts: string[], name: string, views: readonly NodeView[]): void {
  const last = views.length - 1;
  views.forEach((view, i) => {
    parts.push(`${i === 0 ? `"${name}":[` : ""}${view.peer}${i === last ? "]" : ""}`);
  });
}
