// A tailnet made by hand for tests of the netmap: tables that are written directly, without log, decide or evolve.

import type { DirectoryState, Node, User } from "../../domain/directory/state.ts";
import type { Settings } from "../../domain/directory/settings.ts";
import { createDirectory } from "../../domain/directory/tables.ts";
import type { MachineKey, NodeId, NodeKey, UserId } from "../../domain/ids.ts";
import type { LiveNode, LiveState } from "../../domain/live/state.ts";
import { createLive } from "../../domain/live/tables.ts";
import { Journal } from "../../lib/table.ts";
import type { RowChange } from "../../lib/table.ts";

export const epoch = Date.UTC(2026, 0, 1);

export const testSettings: Settings = {
  dns: {
    magicDns: true,
    baseDomain: "net.test",
    overrideLocalDns: true,
    nameservers: ["1.1.1.1"],
    split: { "corp.test": ["10.9.8.7"] },
    searchDomains: ["search.test"],
    extraRecords: [],
  },
  derpMap: { Regions: {} },
  prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
  taildrop: true,
  logtail: false,
  autoUpdate: false,
  nodeExpiry: 0,
  ephemeralTimeout: 60_000,
};

const hex = (n: number): string => n.toString(16).padStart(64, "0");

export class TestTailnet {
  readonly directory: DirectoryState = createDirectory();
  readonly live: LiveState = createLive();

  constructor() {
    this.settings(testSettings);
  }

  /** Runs `write` as one message; answers the changes. */
  message(write: () => void): readonly RowChange[] {
    const journal = new Journal();
    for (const slot of [this.directory.slot, this.live.slot]) {
      slot.seq += 1;
      slot.journal = journal;
    }
    write();
    for (const slot of [this.directory.slot, this.live.slot]) slot.journal = undefined;
    return journal.changes;
  }

  settings(settings: Settings): void {
    this.directory.settings.set("settings", { settings, source: "test", hash: "" });
  }

  policy(text: string): void {
    this.directory.policy.set("policy", {
      text,
      source: "api",
      updatedAt: epoch,
      version: this.directory.slot.seq,
    });
  }

  user(id: number, name = `user${id}`, more: Partial<User> = {}): UserId {
    const key = id as UserId;
    this.directory.users.set(key, {
      id: key,
      name,
      displayName: "",
      email: "",
      provider: "",
      providerId: "",
      profilePicUrl: "",
      createdAt: epoch,
      ...this.directory.users.get(key),
      ...more,
      ...(this.directory.users.has(key) ? { name } : {}),
    });
    return key;
  }

  /** A new node, or changes to one. */
  node(id: number, more: Partial<Node> = {}): NodeId {
    const key = id as NodeId;
    const fresh: Node = {
      id: key,
      machineKey: `mkey:${hex(id)}` as MachineKey,
      nodeKey: `nodekey:${hex(id)}` as NodeKey,
      user: 1 as UserId,
      tags: [],
      name: `node${id}`,
      nameChosen: false,
      addresses: { v4: `100.64.${id >> 8}.${id & 255}`, v6: `fd7a:115c:a1e0::${id.toString(16)}` },
      expiry: null,
      ephemeral: false,
      method: "auth-key",
      preAuthKey: null,
      host: { OS: "linux", Hostname: `node${id}` },
      routes: [],
      approvedRoutes: [],
      requestTags: [],
      capver: 142,
      createdAt: epoch,
      authAt: epoch,
    };
    this.directory.nodes.set(key, { ...(this.directory.nodes.get(key) ?? fresh), ...more });
    return key;
  }

  presence(id: number, more: Partial<LiveNode>): void {
    const key = id as NodeId;
    const fresh: LiveNode = {
      id: key,
      session: null,
      online: false,
      connectedAt: null,
      lastSeen: null,
      endpoints: [],
      discoKey: null,
      derp: 0,
      services: [],
    };
    this.live.live.set(key, { ...(this.live.live.get(key) ?? fresh), ...more });
  }
}
