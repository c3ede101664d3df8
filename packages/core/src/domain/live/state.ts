// The fold of ACT for one tailnet.

import type { ApiKeyId, BootId, DiscoKey, Millis, NodeId, SessionId } from "../ids.ts";
import type { Prev } from "../message.ts";
import type { JournalSlot, Table } from "../../lib/table.ts";
import type { Service } from "./events.ts";

export interface LiveNode {
  readonly id: NodeId;
  /** The session that counts; stays current after its end until another replaces it. null = never connected. */
  readonly session: SessionId | null;
  readonly online: boolean;
  readonly connectedAt: Millis | null;
  /** max(event time, previous + 1); null = never seen. */
  readonly lastSeen: Millis | null;
  readonly endpoints: readonly string[];
  readonly discoKey: DiscoKey | null;
  readonly derp: number;
  readonly services: readonly Service[];
}

/** Chain position of one gateway process's subject; ended boots are fenced. */
export interface BootRow {
  readonly id: BootId;
  readonly last: Prev;
  readonly ended: boolean;
}

export interface KeyUse {
  readonly id: ApiKeyId;
  readonly lastSeen: Millis;
}

export interface LiveState {
  readonly slot: JournalSlot;
  readonly live: Table<NodeId, LiveNode>;
  /** When each API key was used last. */
  readonly keyUse: Table<ApiKeyId, KeyUse>;
  readonly boots: Table<BootId, BootRow>;
  /** Nodes whose current session belongs to the boot and has not ended. */
  onlineOf(boot: BootId): readonly NodeId[];
}
