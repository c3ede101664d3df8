// A client's netmap, built from messages in the order of protocol 7.3, with the losses of 7.5 that real clients have:
// a whole node that is known already becomes a patch when it differs only in what a patch can say.

type Json = Record<string, unknown>;

/** What a patch can say, by its name in Node. */
const patchable = [
  "Key",
  "KeyExpiry",
  "DiscoKey",
  "Endpoints",
  "HomeDERP",
  "Cap",
  "CapMap",
  "Online",
  "LastSeen",
];
/** Changes from or to absent that the client does not see. */
const needsBoth = new Set(["Online", "LastSeen"]);

const text = (value: unknown): string => JSON.stringify(value) ?? "absent";

export class ClientNetmap {
  self: Json | undefined;
  readonly peers = new Map<number, Json>();
  readonly users = new Map<number, Json>();
  /** Other fields as last received. */
  readonly fields = new Map<string, unknown>();
  messages = 0;

  apply(message: Json): void {
    this.messages += 1;
    this.applyPeers(message);
    for (const user of list(message["UserProfiles"])) this.users.set(Number(user["ID"]), user);
    for (const [name, value] of Object.entries(message)) {
      if (name === "Node") this.self = value as Json;
      else if (!/^Peers|^UserProfiles$/.test(name)) this.fields.set(name, value);
    }
  }

  private applyPeers(message: Json): void {
    const whole = list(message["Peers"]);
    if (whole.length > 0) {
      this.peers.clear();
      for (const node of whole) this.peers.set(Number(node["ID"]), node);
      return;
    }
    const known = new Map(this.peers);
    for (const id of (message["PeersRemoved"] ?? []) as number[]) this.peers.delete(id);
    for (const node of list(message["PeersChanged"])) {
      const id = Number(node["ID"]);
      const old = known.get(id);
      if (old === undefined || !sameButPatchable(old, node)) this.peers.set(id, node);
      else if (this.peers.has(id)) this.peers.set(id, patchified(old, node));
    }
    for (const change of list(message["PeersChangedPatch"])) this.applyPatch(change);
  }

  private applyPatch(change: Json): void {
    const id = Number(change["NodeID"]);
    const old = this.peers.get(id);
    if (old === undefined) throw new Error(`patch of node ${id}, which is no peer`);
    const next = { ...old };
    for (const name of patchable) {
      const value = change[name === "HomeDERP" ? "DERPRegion" : name];
      if (value !== undefined) next[name] = value;
    }
    this.peers.set(id, next);
  }
}

const list = (value: unknown): Json[] => (value ?? []) as Json[];

function sameButPatchable(a: Json, b: Json): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((n) => patchable.includes(n) || text(a[n]) === text(b[n]));
}

function patchified(old: Json, node: Json): Json {
  const next = { ...old };
  for (const name of patchable) {
    const value = node[name];
    if (text(old[name]) === text(value)) continue;
    if (needsBoth.has(name) && (old[name] === undefined || value === undefined)) continue;
    if (value === undefined && name !== "KeyExpiry") continue; // cannot be unset
    if (value === undefined) delete next[name];
    else next[name] = value;
  }
  return next;
}

/** JSON of an uncompressed frame. */
export function readFrame(frame: Buffer): Json {
  return JSON.parse(frame.subarray(4).toString("utf8")) as Json;
}
