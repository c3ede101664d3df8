// Messages of the logs as bytes. What is read from a log is validated here, once; fields that this version does not
// know are kept. A kind that it does not know is told apart from damage: a newer version wrote it, and the fold of
// that tailnet has to stop there (design rule 3).

import type { z } from "zod";
import type { ActMessage, EvtMessage, Principal } from "./message.ts";
import { actEnvelope, evtEnvelope } from "./schema/message.ts";
import { directoryEvents } from "./schema/directory-events.ts";
import { liveEvents } from "./schema/live-events.ts";

export type Decoded<M> =
  | { readonly ok: true; readonly message: M }
  | { readonly ok: false; readonly reason: "unparsable" | "unknown-kind"; readonly detail: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const encodeEvt = (message: EvtMessage): Uint8Array => encoder.encode(JSON.stringify(message));
export const encodeAct = (message: ActMessage): Uint8Array => encoder.encode(JSON.stringify(message));

export function decodeEvt(data: Uint8Array): Decoded<EvtMessage> {
  const envelope = parse(evtEnvelope, data);
  if (!envelope.ok) return envelope;
  for (const decision of envelope.message.decisions) {
    const bad = checkEvents(directoryEvents, decision.events);
    if (bad !== undefined) return bad;
  }
  // Every event was checked against the schema of its kind just above.
  return { ok: true, message: envelope.message as unknown as EvtMessage };
}

export function decodeAct(data: Uint8Array): Decoded<ActMessage> {
  const envelope = parse(actEnvelope, data);
  if (!envelope.ok) return envelope;
  const bad = checkEvents(liveEvents, envelope.message.events);
  // Every event was checked against the schema of its kind.
  return bad ?? { ok: true, message: envelope.message as unknown as ActMessage };
}

/** A principal as one line of text: what `recent` compares and the audit prints. */
export function principalText(by: Principal): string {
  let who: string;
  switch (by.kind) {
    case "system":
    case "local":
      who = by.name;
      break;
    case "node":
      who = by.machineKey;
      break;
    case "api-key":
      who = by.prefix;
      break;
    case "nkey":
      who = by.publicKey;
      break;
  }
  return `${by.kind}:${who}`;
}

type Failed = Extract<Decoded<never>, { readonly ok: false }>;

function parse<T>(schema: z.ZodType<T>, data: Uint8Array): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(data));
  } catch (error) {
    return { ok: false, reason: "unparsable", detail: error instanceof Error ? error.name : "not JSON" };
  }
  const read = schema.safeParse(value);
  return read.success ? { ok: true, message: read.data } : unparsable(read.error);
}

function checkEvents(
  schemas: ReadonlyMap<string, z.ZodType>,
  events: readonly { readonly kind: string }[],
): Failed | undefined {
  let damaged: Failed | undefined;
  for (const event of events) {
    const schema = schemas.get(event.kind);
    if (schema === undefined) return { ok: false, reason: "unknown-kind", detail: event.kind };
    const read = schema.safeParse(event);
    if (!read.success) damaged ??= unparsable(read.error);
  }
  return damaged;
}

function unparsable(error: z.ZodError): Failed {
  const [issue] = error.issues;
  const where = issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
  return { ok: false, reason: "unparsable", detail: where.slice(0, 200) };
}
