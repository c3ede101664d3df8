// What stands in the log. One message is one append is one transaction: it is valid as a whole or void as a whole.
// The format is final: every version reads what any version wrote.

import type { BootId, CommandId, Millis, TailnetId } from "./ids.ts";
import type { DirectoryEvent } from "./directory/events.ts";
import type { LiveEvent } from "./live/events.ts";
import type { CommandResult } from "./directory/commands.ts";

/** Who asked. Recorded with every decision; never holds a secret. */
export type Principal =
  | { readonly kind: "system"; readonly name: string } // this software: config, sweeper, projector, up
  | { readonly kind: "node"; readonly machineKey: string } // a client over Noise
  | { readonly kind: "api-key"; readonly prefix: string }
  | { readonly kind: "local"; readonly name: string } // unix socket or the local state folder
  | { readonly kind: "nkey"; readonly publicKey: string };

/** Predecessor on the same subject; `{seq: 0, id: ""}` before the first message. */
export interface Prev {
  readonly seq: number;
  readonly id: string;
}

export interface Decision {
  readonly id: CommandId;
  readonly by: Principal;
  readonly at: Millis;
  /** 1..n events; never empty. */
  readonly events: readonly DirectoryEvent[];
  /** What the caller was answered; part of the fold, so that a repeat gets the same. No secrets. */
  readonly result: CommandResult;
}

/** On `evt.<tid>`: 1..64 decisions. */
export interface EvtMessage {
  readonly v: 1;
  readonly epoch: string;
  readonly prev: Prev;
  /** Random; unique for each append attempt's content. */
  readonly id: string;
  readonly gw: BootId;
  readonly decisions: readonly Decision[];
}

/** On `act.<tid>.<boot>`: 1..256 events. */
export interface ActMessage {
  readonly v: 1;
  readonly epoch: string;
  readonly prev: Prev;
  readonly id: string;
  readonly gw: BootId;
  readonly at: Millis;
  readonly events: readonly LiveEvent[];
}

export const evtSubject = (tid: TailnetId): string => `evt.${tid}`;
export const actSubject = (tid: TailnetId, boot: BootId): string => `act.${tid}.${boot}`;
