// The checker's own fold of the decision log, from bytes. It shares no code with the system under test: a mistake in the
// system's fold must not hide itself here. Every rule is checked at every prefix of the log.

import { createHash } from "node:crypto";

interface Event {
  readonly kind: string;
  readonly [field: string]: unknown;
}

interface Message {
  readonly epoch: string;
  readonly prev: { readonly seq: number; readonly id: string };
  readonly id: string;
  readonly decisions: readonly {
    readonly id: string;
    readonly at: number;
    readonly events: readonly Event[];
  }[];
}

export interface Record {
  readonly seq: number;
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface LedgerNode {
  readonly id: number;
  readonly machineKey: string;
  nodeKey: string;
  user: number | null;
  name: string;
  addresses: readonly string[];
}

export interface LedgerKey {
  readonly id: number;
  readonly reusable: boolean;
  expiry: number | null;
  used: boolean;
}

const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("base64");

export class Ledger {
  readonly violations: string[] = [];
  readonly users = new Map<number, string>();
  readonly keys = new Map<number, LedgerKey>();
  readonly nodes = new Map<number, LedgerNode>();
  /** Every decision by its id. */
  readonly decisions = new Map<string, { readonly seq: number; readonly events: readonly Event[] }>();
  /** Node ids by the machine key that registered them. */
  readonly registered = new Map<string, number[]>();
  readonly everDeleted = new Set<number>();
  reauthenticated = 0;
  private readonly digests: string[] = [];
  private readonly byName = new Map<string, number>();
  private readonly byAddress = new Map<string, number>();
  private readonly userNames = new Map<string, number>();
  private epoch: string | undefined;
  private last = { seq: 0, id: "" };

  /** Of the last record taken. */
  get seq(): number {
    return this.digests.length;
  }

  /** A record again, or the next one. */
  take(record: Record): void {
    const known = this.digests[record.seq - 1];
    if (known !== undefined) {
      if (known !== digest(record.data)) this.wrong(record.seq, "holds something else than it held before");
      return;
    }
    if (record.seq !== this.seq + 1) {
      this.wrong(record.seq, `follows ${this.seq}: the log has a hole`);
      while (this.digests.length < record.seq - 1) this.digests.push("");
    }
    this.digests.push(digest(record.data));
    if (record.subject !== "evt.main") return this.wrong(record.seq, `is on subject ${record.subject}`);
    const message = JSON.parse(Buffer.from(record.data).toString("utf8")) as Message;
    this.epoch ??= message.epoch;
    if (message.epoch !== this.epoch) this.wrong(record.seq, `is of epoch ${message.epoch}`);
    if (message.prev.seq !== this.last.seq || message.prev.id !== this.last.id)
      this.wrong(record.seq, `names ${message.prev.seq} as its predecessor, which is ${this.last.seq}`);
    this.last = { seq: record.seq, id: message.id };
    for (const decision of message.decisions) this.decide(record.seq, decision);
  }

  private decide(seq: number, decision: Message["decisions"][number]): void {
    const before = this.decisions.get(decision.id);
    if (before !== undefined) this.wrong(seq, `holds decision ${decision.id} again, first in ${before.seq}`);
    this.decisions.set(decision.id, { seq, events: decision.events });
    for (const event of decision.events) this.apply(seq, decision.at, event);
  }

  private apply(seq: number, at: number, event: Event): void {
    const id = (field: string): number => event[field] as number;
    switch (event.kind) {
      case "UserCreated":
        if (this.users.has(id("user"))) this.wrong(seq, `makes user ${id("user")} again`);
        return this.nameUser(seq, id("user"), event["name"] as string);
      case "UserRenamed":
        if (!this.users.has(id("user"))) this.wrong(seq, `renames user ${id("user")}, who is not there`);
        return this.nameUser(seq, id("user"), event["name"] as string);
      case "UserDeleted":
        return this.deleteUser(seq, id("user"));
      case "PreAuthKeyCreated":
        if (this.keys.has(id("key"))) this.wrong(seq, `makes key ${id("key")} again`);
        this.keys.set(id("key"), {
          id: id("key"),
          reusable: event["reusable"] as boolean,
          expiry: event["expiry"] as number | null,
          used: false,
        });
        return;
      case "PreAuthKeyUsed":
        return this.useKey(seq, at, id("key"));
      case "PreAuthKeyExpired": {
        const key = this.keys.get(id("key"));
        if (key !== undefined) key.expiry = event["expiry"] as number;
        return;
      }
      case "NodeRegistered":
        return this.register(seq, event);
      case "NodeReauthenticated":
        this.reauthenticated++;
        return this.reauthenticate(seq, event);
      case "NodeRenamed":
      case "NodeHostChanged":
        return this.nameNode(seq, id("node"), event["name"] as string);
      case "NodeDeleted":
        return this.deleteNode(seq, id("node"));
      default:
        if (event["node"] !== undefined && !this.nodes.has(id("node")))
          this.wrong(seq, `${event.kind} of node ${id("node")}, which is not there`);
    }
  }

  private nameUser(seq: number, user: number, name: string): void {
    const holder = this.userNames.get(name);
    if (holder !== undefined && holder !== user)
      this.wrong(seq, `user name ${name} twice: ${holder} and ${user}`);
    const old = this.users.get(user);
    if (old !== undefined) this.userNames.delete(old);
    this.users.set(user, name);
    this.userNames.set(name, user);
  }

  private deleteUser(seq: number, user: number): void {
    const name = this.users.get(user);
    if (name === undefined) return this.wrong(seq, `deletes user ${user}, who is not there`);
    for (const node of this.nodes.values())
      if (node.user === user) this.wrong(seq, `deletes user ${user}, who owns node ${node.id}`);
    this.users.delete(user);
    this.userNames.delete(name);
  }

  private useKey(seq: number, at: number, id: number): void {
    const key = this.keys.get(id);
    if (key === undefined) return this.wrong(seq, `uses key ${id}, which is not there`);
    if (key.used && !key.reusable) this.wrong(seq, `uses one-shot key ${id} again`);
    if (key.expiry !== null && key.expiry <= at) this.wrong(seq, `uses key ${id} after it expired`);
    key.used = true;
  }

  private register(seq: number, event: Event): void {
    const id = event["node"] as number;
    const machineKey = event["machineKey"] as string;
    if (this.nodes.has(id)) this.wrong(seq, `registers node ${id} again`);
    if (this.everDeleted.has(id)) this.wrong(seq, `node ${id} was deleted and is there again`);
    const { v4, v6 } = event["addresses"] as { v4?: string; v6?: string };
    const addresses = [v4, v6].filter((a) => a !== undefined);
    if (addresses.length === 0) this.wrong(seq, `registers node ${id} without an address`);
    for (const address of addresses) {
      const holder = this.byAddress.get(address);
      if (holder !== undefined) this.wrong(seq, `address ${address} twice: nodes ${holder} and ${id}`);
      this.byAddress.set(address, id);
    }
    this.nodes.set(id, {
      id,
      machineKey,
      nodeKey: event["nodeKey"] as string,
      user: event["user"] as number | null,
      name: "",
      addresses,
    });
    this.registered.set(machineKey, [...(this.registered.get(machineKey) ?? []), id]);
    this.nameNode(seq, id, event["name"] as string);
  }

  private reauthenticate(seq: number, event: Event): void {
    const node = this.nodes.get(event["node"] as number);
    if (node === undefined)
      return this.wrong(seq, `lets in node ${String(event["node"])}, which is not there`);
    node.nodeKey = event["nodeKey"] as string;
    node.user = event["user"] as number | null;
    this.nameNode(seq, node.id, event["name"] as string);
  }

  private nameNode(seq: number, id: number, name: string): void {
    const node = this.nodes.get(id);
    if (node === undefined) return this.wrong(seq, `names node ${id}, which is not there`);
    const holder = this.byName.get(name);
    if (holder !== undefined && holder !== id)
      this.wrong(seq, `label ${name} twice: nodes ${holder} and ${id}`);
    this.byName.delete(node.name);
    node.name = name;
    this.byName.set(name, id);
  }

  private deleteNode(seq: number, id: number): void {
    const node = this.nodes.get(id);
    if (node === undefined) return this.wrong(seq, `deletes node ${id}, which is not there`);
    this.nodes.delete(id);
    this.everDeleted.add(id);
    this.byName.delete(node.name);
    for (const address of node.addresses) this.byAddress.delete(address);
  }

  private wrong(seq: number, what: string): void {
    this.violations.push(`EVT ${seq} ${what}`);
  }
}
