// Compares a document with a fold (design rule 4): where both reflect the same message they have to be equal. What one
// of them has not reached yet proves nothing.

import { isDeepStrictEqual } from "node:util";
import { parseDocumentKey, persistedTables, tableOf } from "../documents.ts";
import type { TailnetFold } from "../fold.ts";
import { parseDocument } from "./document.ts";

export type Verdict =
  | { readonly kind: "equal" }
  /** The document is older than the fold, or newer; nothing to compare. */
  | { readonly kind: "behind" }
  | { readonly kind: "ahead" }
  /** No document of a row that this release knows. */
  | { readonly kind: "foreign" }
  | { readonly kind: "different"; readonly detail: string };

const logOf = new Map(persistedTables.map((table) => [table.name, table.log]));

export function verify(fold: TailnetFold, key: string, value: Uint8Array): Verdict {
  const place = parseDocumentKey(key);
  if (place === undefined || place.tid !== fold.tid) return { kind: "foreign" };
  const document = parseDocument(value);
  if (document === undefined) return different(key, "is damaged");
  const cursor = logOf.get(place.table) === "act" ? fold.actCursor : fold.evtCursor;
  if (document.s > cursor) return { kind: "ahead" };
  const table = tableOf(fold, place.table);
  const row = table.get(place.id);
  // The fold does not remember when a row went; a document that is still there will be a tombstone soon.
  if (row === undefined) return document.d === null ? { kind: "equal" } : { kind: "behind" };
  const seq = table.seqOf(place.id);
  if (seq > document.s) return { kind: "behind" };
  if (seq < document.s) return different(key, `is of message ${document.s}, the fold's row of ${seq}`);
  if (isDeepStrictEqual(plain(row), document.d)) return { kind: "equal" };
  return different(key, `differs from the fold at message ${seq}`);
}

const different = (key: string, detail: string): Verdict => ({
  kind: "different",
  detail: `document ${key}: ${detail}`,
});

/** As it looks after being written and read. */
const plain = (row: object): unknown => JSON.parse(JSON.stringify(row));
