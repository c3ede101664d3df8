// How a row stands in the read model: `{g, p, s, d}`, generation, projection version, sequence of the message that
// changed it last, and the row (null: it is gone, a tombstone). Order is lexicographic; a lower one never replaces a
// higher one, so any number of projectors may write. `<tid>.meta` holds the position that all documents have reached.

import { z } from "zod";
import type { FoldPosition } from "../fold.ts";
import type { TailnetId } from "../ids.ts";

/** Raised when rows are projected differently; documents stay readable by the release before. */
export const projectionVersion = 1;

export interface Mark {
  readonly g: number;
  readonly p: number;
  readonly s: number;
}

export interface Document extends Mark {
  readonly d: unknown;
}

export interface Meta {
  readonly g: number;
  readonly p: number;
  readonly position: FoldPosition;
}

export const metaKey = (tid: TailnetId): string => `${tid}.meta`;

export const compareMarks = (a: Mark, b: Mark): number => a.g - b.g || a.p - b.p || a.s - b.s;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function encodeDocument({ g, p, s, d }: Document): Uint8Array {
  return encoder.encode(JSON.stringify({ g, p, s, d }));
}

const count = z.int().min(0);
const documentSchema = z.looseObject({ g: count, p: count, s: count, d: z.unknown() });

export function parseDocument(value: Uint8Array): Document | undefined {
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(value));
  } catch {
    return undefined;
  }
  const read = documentSchema.safeParse(json);
  return read.success
    ? { g: read.data.g, p: read.data.p, s: read.data.s, d: read.data.d ?? null }
    : undefined;
}

const prev = z.looseObject({ seq: count, id: z.string() });
const positionSchema = z.looseObject({
  epoch: z.string(),
  evt: prev,
  evtCursor: count,
  evtSubjectSeq: count,
  actCursor: count,
  boots: z.array(z.looseObject({ id: z.string(), last: prev, ended: z.boolean() })),
});

export const encodeMeta = ({ g, p, position }: Meta): Uint8Array =>
  encodeDocument({ g, p, s: position.evtCursor, d: position });

export function parseMeta(value: Uint8Array): Meta | undefined {
  const document = parseDocument(value);
  const read = positionSchema.safeParse(document?.d);
  if (document === undefined || !read.success) return undefined;
  // Ids are branded strings; the schema has checked everything else.
  return { g: document.g, p: document.p, position: read.data as unknown as FoldPosition };
}

/** Everything that `b` has reached, `a` has. */
export const covers = (a: FoldPosition, b: FoldPosition): boolean =>
  a.evtCursor >= b.evtCursor && a.actCursor >= b.actCursor;

/** Each log's part from whoever is further: a document is a fold of one log, so the parts are independent. */
export function furthest(a: FoldPosition, b: FoldPosition): FoldPosition {
  const evt = a.evtCursor >= b.evtCursor ? a : b;
  const act = a.actCursor >= b.actCursor ? a : b;
  return {
    epoch: evt.epoch,
    evt: evt.evt,
    evtCursor: evt.evtCursor,
    evtSubjectSeq: evt.evtSubjectSeq,
    actCursor: act.actCursor,
    boots: act.boots,
  };
}
