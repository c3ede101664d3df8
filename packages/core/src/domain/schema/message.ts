// The envelopes of the logs. Events are only known to have a kind here; codec.ts checks each by its own schema.

import { z } from "zod";
import { millis, prev, result } from "./shapes.ts";

const named = z.string().min(1).max(200);

const principal = z.discriminatedUnion("kind", [
  z.looseObject({ kind: z.literal("system"), name: z.string() }),
  z.looseObject({ kind: z.literal("node"), machineKey: z.string() }),
  z.looseObject({ kind: z.literal("api-key"), prefix: z.string() }),
  z.looseObject({ kind: z.literal("local"), name: z.string() }),
  z.looseObject({ kind: z.literal("nkey"), publicKey: z.string() }),
]);

const event = z.looseObject({ kind: z.string() });

const decision = z.looseObject({
  id: named,
  by: principal,
  at: millis,
  events: z.array(event).min(1),
  result,
});

const head = { v: z.literal(1), epoch: z.string(), prev, id: named, gw: named };

export const evtEnvelope = z.looseObject({ ...head, decisions: z.array(decision).min(1).max(64) });
export const actEnvelope = z.looseObject({ ...head, at: millis, events: z.array(event).min(1).max(256) });
