// A fold from its documents. The position is read first, so every document is at it or ahead; the rows remember what
// they reflect, and the messages between are applied only above that. Whoever serves from the fold waits until it is
// past `largest`: up to there rows may be ahead of each other.

import { loadRow, parseDocumentKey, persistedTables } from "../documents.ts";
import { TailnetFold } from "../fold.ts";
import type { TailnetId } from "../ids.ts";
import { problem } from "../../lib/errors.ts";
import type { Problem } from "../../lib/errors.ts";
import { err, ok } from "../../lib/result.ts";
import type { Result } from "../../lib/result.ts";
import type { Bucket, BucketEntry } from "../../store/ports.ts";
import { metaKey, parseDocument, parseMeta } from "./document.ts";
import type { Document, Mark, Meta } from "./document.ts";

/** What stands in the bucket under a key. */
export interface Known {
  readonly mark: Mark;
  readonly revision: number;
  readonly tombstone: boolean;
}

export interface Loaded {
  readonly fold: TailnetFold;
  /** undefined: no position of this epoch, so the fold is empty and starts at the logs' beginning. */
  readonly meta: Meta | undefined;
  /** What stands under the key of meta, of whatever epoch. */
  readonly storedMeta: { readonly meta: Meta; readonly revision: number } | undefined;
  /** Highest generation in the bucket; above meta's while a rebuild is unfinished. */
  readonly newest: number;
  /** Highest sequence of any loaded document, by log. */
  readonly largest: { readonly evt: number; readonly act: number };
  readonly known: ReadonlyMap<string, Known>;
}

const logOf = new Map(persistedTables.map((table) => [table.name, table.log]));

export async function loadFold(
  bucket: Bucket,
  tid: TailnetId,
  epoch: string,
): Promise<Result<Loaded, Problem>> {
  const found = await bucket.get(metaKey(tid));
  const stored = found === undefined ? undefined : parseMeta(found.value);
  if (found !== undefined && stored === undefined) return err(damaged(metaKey(tid)));
  const meta = stored?.position.epoch === epoch ? stored : undefined;
  const fold = new TailnetFold(tid, epoch);
  if (meta !== undefined) fold.resume(meta.position);
  const known = new Map<string, Known>();
  const largest = { evt: fold.evtCursor, act: fold.actCursor };
  let newest = stored?.g ?? 0;
  for await (const entry of bucket.entries(tid)) {
    if (entry.key === metaKey(tid)) continue;
    const document = parseDocument(entry.value);
    if (document === undefined) return err(damaged(entry.key));
    known.set(entry.key, knownOf(entry, document));
    newest = Math.max(newest, document.g);
    if (meta === undefined || document.g < meta.g) continue;
    const key = parseDocumentKey(entry.key);
    // A newer release may keep tables that this one does not know.
    if (key === undefined) continue;
    const row = loadRow(fold, key.table, key.id, document.d ?? undefined, document.s);
    if (!row.ok) return row;
    const log = logOf.get(key.table) ?? "evt";
    largest[log] = Math.max(largest[log], document.s);
  }
  const storedMeta =
    stored === undefined || found === undefined ? undefined : { meta: stored, revision: found.revision };
  return ok({ fold, meta, storedMeta, newest, largest, known });
}

export const knownOf = (entry: BucketEntry, document: Document): Known => ({
  mark: { g: document.g, p: document.p, s: document.s },
  revision: entry.revision,
  tombstone: document.d === null,
});

const damaged = (key: string): Problem =>
  problem("setup", `document ${key}: is damaged`, "rebuild the read model: `hydrascale projector --rebuild`");
