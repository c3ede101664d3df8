// Makes a tailnet's documents again from the logs, as a generation of its own: folds to the heads in memory, writes
// every row, entombs what is left of earlier generations, and says so in meta last. Two at once are harmless, and one
// that was interrupted is finished by whoever comes next. What ACT no longer holds is taken from the documents.

import { loadRow, parseDocumentKey, persistedTables, tableOf } from "@hydrascale/core/domain/documents";
import { TailnetFold } from "@hydrascale/core/domain/fold";
import type { TailnetId } from "@hydrascale/core/domain/ids";
import { evtSubject } from "@hydrascale/core/domain/message";
import { metaKey, parseDocument, parseMeta } from "@hydrascale/core/domain/snapshot/document";
import { knownOf } from "@hydrascale/core/domain/snapshot/load";
import type { Known } from "@hydrascale/core/domain/snapshot/load";
import { ProblemError, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { BucketEntry, Store } from "@hydrascale/core/store/ports";
import { DocumentWriter, nowhere } from "./documents.ts";
import type { Dirty, KnownMeta } from "./documents.ts";

export interface Rebuilt {
  readonly generation: number;
  readonly documents: number;
  readonly entombed: number;
}

const actDocuments = new Set(persistedTables.filter(({ log }) => log === "act").map(({ name }) => name));

export async function rebuild(
  store: Store,
  tid: TailnetId,
  generation?: number,
): Promise<Result<Rebuilt, Problem>> {
  try {
    return await rebuildOrThrow(store, tid, generation);
  } catch (error) {
    if (error instanceof ProblemError) return err(error.problem);
    throw error;
  }
}

async function rebuildOrThrow(
  store: Store,
  tid: TailnetId,
  wanted: number | undefined,
): Promise<Result<Rebuilt, Problem>> {
  const { epoch } = await store.evt.info();
  const entries = new Map<string, BucketEntry>();
  for await (const entry of store.netmap.entries(tid)) entries.set(entry.key, entry);
  const known = new Map<string, Known>();
  let newest = 0;
  for (const [key, entry] of entries) {
    const document = parseDocument(entry.value);
    newest = Math.max(newest, document?.g ?? 0);
    if (key === metaKey(tid)) continue;
    // A damaged one is below everything, and its revision is what has to be named.
    known.set(key, knownOf(entry, document ?? { g: 0, p: 0, s: 0, d: undefined }));
  }
  const generation = wanted ?? newest + 1;
  const fold = await foldToTheHeads(store, tid, epoch, entries);
  if (fold.opaque) {
    return err(
      problem(
        "unsupported",
        `tailnet ${tid}: a newer release wrote events that this one does not know`,
        "rebuild with the newest release",
      ),
    );
  }
  const writer = new DocumentWriter(store.netmap, fold, generation, known, metaIn(entries, tid));
  const position = fold.position();
  const rows: Dirty[] = persistedTables.flatMap(({ name }) =>
    [...tableOf(fold, name).entries()].map(([id]) => ({ table: name, id, seq: 0 })),
  );
  const written = await writer.writeAll(rows);
  if (written.newer || written.left.length > 0) return err(interrupted(tid));
  const entombed = await writer.entombLeftovers();
  if (entombed === undefined) return err(interrupted(tid));
  const told = await writer.writeMeta(position);
  return told === "stored" || told === "present"
    ? ok({ generation, documents: rows.length, entombed })
    : err(interrupted(tid));
}

const interrupted = (tid: TailnetId): Problem =>
  problem("unavailable", `tailnet ${tid}: the rebuild did not finish`, "run it again; it goes on from there");

function metaIn(entries: ReadonlyMap<string, BucketEntry>, tid: TailnetId): KnownMeta | undefined {
  const entry = entries.get(metaKey(tid));
  if (entry === undefined) return undefined;
  const { g, position } = parseMeta(entry.value) ?? { g: 0, position: nowhere };
  return { revision: entry.revision, g, position };
}

/** From the logs alone where they are whole; activity that was trimmed comes from the documents that it left. */
async function foldToTheHeads(
  store: Store,
  tid: TailnetId,
  epoch: string,
  entries: ReadonlyMap<string, BucketEntry>,
): Promise<TailnetFold> {
  const fold = new TailnetFold(tid, epoch);
  if ((await store.act.info()).firstSeq > 1) takeUpActivity(fold, entries);
  for await (const record of store.evt.read(1, evtSubject(tid))) fold.applyEvt(record);
  for await (const record of store.act.read(fold.actCursor + 1)) {
    if (record.subject.startsWith(`act.${tid}.`)) fold.applyAct(record);
  }
  return fold;
}

function takeUpActivity(fold: TailnetFold, entries: ReadonlyMap<string, BucketEntry>): void {
  const stored = entries.get(metaKey(fold.tid));
  const meta = stored === undefined ? undefined : parseMeta(stored.value);
  if (meta === undefined || meta.position.epoch !== fold.epoch) return;
  const none = { seq: 0, id: "" };
  fold.resume({ ...meta.position, evt: none, evtCursor: 0, evtSubjectSeq: 0 });
  for (const [key, entry] of entries) {
    const place = parseDocumentKey(key);
    const document = parseDocument(entry.value);
    if (place === undefined || document === undefined || !actDocuments.has(place.table)) continue;
    if (document.g < meta.g) continue;
    loadRow(fold, place.table, place.id, document.d ?? undefined, document.s);
  }
}
