// Rows as documents of the read model (design rule 7): every row of a persisted table is one document with the
// sequence of the message that changed it last. Rows and a position make a fold again (fold.ts `resume`).
// Positions of gateway processes are no documents: they have to belong to one position, so they stand in it.

import type { TailnetFold } from "./fold.ts";
import type { TailnetId } from "./ids.ts";
import { rowSchemas } from "./schema/rows.ts";
import { problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import type { RowId, Table } from "../lib/table.ts";

interface Persisted {
  /** The log that it is a fold of. */
  readonly log: "evt" | "act";
  /** Second token of the document's key. */
  readonly document: string;
  readonly ids: "number" | "text";
  readonly of: (fold: TailnetFold) => unknown;
}

/**
 * In the order in which a projector writes the dirty documents of one round: what is derived from a row that goes
 * (`departed` from `nodes`) stands before it, else a crash in between would lose it.
 */
const tables = {
  tailnet: { log: "evt", document: "tailnet", ids: "text", of: (fold) => fold.directory.tailnet },
  settings: { log: "evt", document: "settings", ids: "text", of: (fold) => fold.directory.settings },
  policy: { log: "evt", document: "policy", ids: "text", of: (fold) => fold.directory.policy },
  counters: { log: "evt", document: "counters", ids: "text", of: (fold) => fold.directory.counters },
  users: { log: "evt", document: "user", ids: "number", of: (fold) => fold.directory.users },
  preAuthKeys: {
    log: "evt",
    document: "preauthkey",
    ids: "number",
    of: (fold) => fold.directory.preAuthKeys,
  },
  apiKeys: { log: "evt", document: "apikey", ids: "number", of: (fold) => fold.directory.apiKeys },
  departed: { log: "evt", document: "departed", ids: "text", of: (fold) => fold.directory.departed },
  nodes: { log: "evt", document: "node", ids: "number", of: (fold) => fold.directory.nodes },
  logins: { log: "evt", document: "login", ids: "text", of: (fold) => fold.directory.logins },
  recent: { log: "evt", document: "recent", ids: "text", of: (fold) => fold.directory.recent },
  live: { log: "act", document: "live", ids: "number", of: (fold) => fold.live.live },
  keyUse: { log: "act", document: "keyuse", ids: "number", of: (fold) => fold.live.keyUse },
} as const satisfies Record<string, Persisted>;

export type TableName = keyof typeof tables;

export const persistedTables: readonly {
  readonly name: TableName;
  readonly log: Persisted["log"];
  readonly document: string;
}[] = Object.entries(tables).map(([name, { log, document }]) => ({
  name: name as TableName, // the keys of `tables` are the names
  log,
  document,
}));

const byDocument = new Map(persistedTables.map((table) => [table.document, table.name]));

/** undefined for a table that is not persisted (`boots`). */
export const tableNamed = (name: string): TableName | undefined =>
  Object.hasOwn(tables, name) ? (name as TableName) : undefined; // just looked up

/** The table by its name in `RowChange.table`, seen without its row type. */
export const tableOf = (fold: TailnetFold, name: TableName): Table<RowId, object> =>
  // Table<K, V> is invariant in K; a name and its ids always come from the same table.
  tables[name].of(fold) as unknown as Table<RowId, object>;

const plain = /^[A-Za-z0-9_-]+$/;

/** `<tid>.<document>.<id>`; an id with other characters than a token may have is written as `=` and hex. */
export function documentKey(tid: TailnetId, name: TableName, id: RowId): string {
  const text = String(id);
  const token = plain.test(text) ? text : `=${Buffer.from(text, "utf8").toString("hex")}`;
  return `${tid}.${tables[name].document}.${token}`;
}

export interface DocumentKey {
  readonly tid: TailnetId;
  readonly table: TableName;
  readonly id: RowId;
}

/** undefined when the key is no document of a row. */
export function parseDocumentKey(key: string): DocumentKey | undefined {
  const [tid, document, token, ...rest] = key.split(".");
  const table = byDocument.get(document ?? "");
  if (tid === undefined || token === undefined || table === undefined || rest.length > 0) return undefined;
  const text = token.startsWith("=") ? Buffer.from(token.slice(1), "hex").toString("utf8") : token;
  const id: RowId = tables[table].ids === "number" ? Number(text) : text;
  if (text === "" || (typeof id === "number" && !(Number.isSafeInteger(id) && id > 0))) return undefined;
  // The first token of a key in this bucket is a tailnet id.
  const found = { tid: tid as TailnetId, table, id };
  return documentKey(found.tid, table, id) === key ? found : undefined;
}

/** Puts a document's row (undefined: its tombstone) into a fold that has applied nothing yet. */
export function loadRow(
  fold: TailnetFold,
  name: TableName,
  id: RowId,
  row: unknown,
  seq: number,
): Result<void, Problem> {
  const table = tableOf(fold, name);
  if (row === undefined) return ok(table.load(id, undefined, seq));
  const read = rowSchemas[name].safeParse(row);
  if (!read.success) {
    const where = read.error.issues[0]?.path.join(".") ?? "";
    return err(problem("setup", `document ${name} ${id}: is damaged at ${where}`, "rebuild the read model"));
  }
  return ok(table.load(id, read.data, seq));
}
