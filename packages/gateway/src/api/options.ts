// What the admin API needs from outside. Everything that knows of NATS, of files or of the process is a function here.

import type { ApiKeyId } from "@hydrascale/core/domain/ids";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Problem } from "@hydrascale/core/lib/errors";
import type { Result } from "@hydrascale/core/lib/result";
import type { PendingLogin } from "../login/pending.ts";
import type { TailnetService } from "../service.ts";

export interface StatusReport {
  readonly version: string;
  readonly tailnet: string;
  readonly gateways: readonly {
    readonly boot: string;
    readonly version: string;
    readonly addresses: readonly string[];
    readonly state: string;
    /** This is the one that answers. */
    readonly self: boolean;
  }[];
  readonly projectors: readonly {
    readonly id: string;
    readonly version: string;
    readonly state: string;
    /** Decisions that its documents do not show yet. */
    readonly lag: number;
  }[];
  readonly nats: {
    readonly connected: boolean;
    readonly server: string;
    readonly version: string;
  };
  readonly log: {
    /** Sequence that this gateway has folded. */
    readonly folded: number;
    /** Newest sequence that it has heard of. */
    readonly head: number;
  };
  readonly nodes: number;
  readonly connectedNodes: number;
}

export interface DoctorReport {
  readonly findings: readonly {
    readonly level: "ok" | "warning" | "error";
    readonly subject: string;
    readonly message: string;
    readonly hint?: string;
  }[];
}

export interface ApiOptions {
  readonly service: TailnetService;
  /** bearer: an API key with every request; local: whoever reaches the socket is trusted. */
  readonly trust: "bearer" | "local";
  readonly clock: Clock;
  /** Told of each use of a key; what lists show as last seen follows from it. */
  readonly keyUsed: (key: ApiKeyId) => void;
  /** Version of the product, for the documentation. */
  readonly version: string;
  readonly policyMode: "database" | "file";
  /** What is wrong with a policy text, each with its place; nothing: it may be stored. */
  readonly policyCheck: (text: string) => readonly Problem[] | Promise<readonly Problem[]>;
  /** Puts a login beside those that clients began; only the debugging operation needs it. */
  readonly putLogin: (login: PendingLogin) => Promise<Result<void, Problem>>;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly status: () => StatusReport | Promise<StatusReport>;
  readonly doctor: () => DoctorReport | Promise<DoctorReport>;
  /** Origins that browsers may call from; `*` for every one; empty: no CORS headers at all. */
  readonly corsOrigins: readonly string[];
  /** Told of exceptions, which callers see as a bare 500. */
  readonly onBug: (error: unknown) => void;
}
