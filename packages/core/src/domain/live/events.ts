// Activity: who is connected through which stream, and where they can be reached. An event counts only against the
// node's current session at that place of the log; the fold drops it otherwise (design rule 5).

import type { ApiKeyId, BootId, DiscoKey, Millis, NodeId, SessionId } from "../ids.ts";

export interface Service {
  readonly Proto: string;
  readonly Port: number;
  readonly Description?: string;
}

/** Where a node is reachable. Absent field = unchanged. */
export interface Reach {
  /** `ip:port`, at most 100, as the client ordered them. */
  readonly endpoints?: readonly string[];
  readonly discoKey?: DiscoKey;
  /** Home relay region, 0 = none. */
  readonly derp?: number;
  readonly services?: readonly Service[];
}

export type LiveEvent =
  /** Counts iff the node's current session is `replaces` (null: it never had one). */
  | {
      readonly kind: "NodeConnected";
      readonly node: NodeId;
      readonly session: SessionId;
      readonly replaces: SessionId | null;
      readonly at: Millis;
      readonly reach: Reach;
    }
  /** Counts iff `session` is the node's current session (null: it never had one). */
  | {
      readonly kind: "NodeMoved";
      readonly node: NodeId;
      readonly session: SessionId | null;
      readonly at: Millis;
      readonly reach: Reach;
    }
  | {
      readonly kind: "NodeDisconnected";
      readonly node: NodeId;
      readonly session: SessionId;
      readonly at: Millis;
    }
  /** An API key was used; told at most once a minute for each key. */
  | { readonly kind: "ApiKeyUsed"; readonly key: ApiKeyId; readonly at: Millis }
  /** Ends every session of `boot` in this tailnet, and the boot's subject with it: later messages there are void. */
  | { readonly kind: "GatewayEnded"; readonly boot: BootId; readonly lastSeen: Millis }
  /** The directory deleted the node: its row goes. Counts iff there is one. Appended by whoever sees the deletion first. */
  | { readonly kind: "NodeForgotten"; readonly node: NodeId };

export type LiveEventKind = LiveEvent["kind"];
