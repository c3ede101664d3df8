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
    checkMessage(message);
    for (const user of list(message["UserProfiles"])) this.users.set(Number(user["ID"]), user);
    this.applyPeers(message);
    for (const node of [...list(message["Peers"]), ...list(message["PeersChanged"])])
      if (!this.users.has(Number(node["User"]))) throw new Error(`no profile of the owner of ${text(node)}`);
    for (const [name, value] of Object.entries(message)) {
      if (name === "Node") this.self = value as Json;
      else if (!/^Peers|^UserProfiles$/.test(name)) this.fields.set(name, value);
    }
  }

  /** What two netmaps of one node must agree in. */
  normal(): Json {
    const peers = [...this.peers.values()].toSorted((a, b) => Number(a["ID"]) - Number(b["ID"]));
    const owners = new Set([this.self, ...peers].map((n) => Number(n?.["User"])));
    const { Endpoints: _e, DiscoKey: _d, HomeDERP: _h, ...self } = this.self ?? {}; // the client knows its own
    const { ControlTime: _c, ...fields } = Object.fromEntries(this.fields);
    return {
      self,
      fields,
      peers: peers.map(normalPeer),
      users: [...owners].toSorted((a, b) => a - b).map((id) => this.users.get(id)),
    };
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
    // Clients protect a disco key that they learned themselves: without news of the node the patch is dropped.
    if (change["DiscoKey"] !== undefined && change["Online"] === false && !newer(change, old)) return;
    const next = { ...old };
    for (const name of patchable) {
      const value = change[name === "HomeDERP" ? "DERPRegion" : name];
      if (value !== undefined) next[name] = value;
    }
    this.peers.set(id, next);
  }
}

/** Another LastSeen than the known one, and later. */
const newer = (change: Json, old: Json): boolean =>
  old["LastSeen"] === undefined || seenAt(change) > seenAt(old);

const seenAt = ({ LastSeen }: Json): number => (typeof LastSeen === "string" ? Date.parse(LastSeen) : 0);

const list = (value: unknown): Json[] => (value ?? []) as Json[];

/** Order of endpoints is no difference, and LastSeen of an online node is not shown. */
function normalPeer({ LastSeen, ...node }: Json): Json {
  const endpoints = [...new Set((node["Endpoints"] ?? []) as string[])].sort();
  return { ...node, Endpoints: endpoints, ...(node["Online"] === true ? {} : { LastSeen }) };
}

const heavy = ["Node", "DERPMap", "DNSConfig", "Domain", "Debug", "SSHPolicy", "Health", "CollectServices"];

/** What no message may do (protocol 7.2, 7.5). */
function checkMessage(message: Json): void {
  const removed = new Set((message["PeersRemoved"] ?? []) as number[]);
  for (const node of list(message["PeersChanged"]))
    if (removed.has(Number(node["ID"])))
      throw new Error(`node ${text(node["ID"])} is removed and changed at once`);
  if (message["Peers"] !== undefined && list(message["Peers"]).length === 0)
    throw new Error("an empty Peers");
  if (message["PacketFilter"] === null) throw new Error("a filter of null");
  if (message["PeersChangedPatch"] !== undefined && heavy.some((name) => message[name] !== undefined))
    throw new Error(`a patch beside ${Object.keys(message).join()}`);
}

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
