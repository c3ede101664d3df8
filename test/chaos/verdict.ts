// Holds the history, the API and the clients against the ledger.

import { setTimeout as pause } from "node:timers/promises";
import type { Api } from "./api.ts";
import type { Change, History, Operation } from "./history.ts";
import type { Holder } from "./holder.ts";
import type { Ledger } from "./ledger.ts";

/** Every acknowledged change is there exactly once, no refused one is, and what nobody knows of at most once. */
export function judgeHistory(history: History, ledger: Ledger): string[] {
  const wrong: string[] = [];
  for (const operation of history.operations) {
    const { change, id, outcome } = operation;
    // Decisions that appear twice are a violation of the ledger itself.
    const there =
      change.kind === "register" ? ledger.registered.has(change.machineKey) : ledger.decisions.has(id);
    const what = `${change.kind} ${id}`;
    if (outcome.kind === "ok" && !there) wrong.push(`${what}: acknowledged, but not in the log`);
    if (outcome.kind === "fail" && there) wrong.push(`${what}: refused (${outcome.reason}), but in the log`);
    if (there && !means(operation, ledger)) wrong.push(`${what}: is in the log as something else`);
  }
  return wrong;
}

/** Does the log say what was asked for, and what was answered? */
function means({ change, id, outcome }: Operation, ledger: Ledger): boolean {
  if (change.kind === "register") return ledger.registered.get(change.machineKey)?.length === 1;
  const events = ledger.decisions.get(id)?.events ?? [];
  const [event] = events;
  if (event === undefined || event.kind !== eventOf[change.kind]) return false;
  if (events.length !== 1) return false;
  const made = outcome.kind === "ok" ? outcome.made : undefined;
  if (made !== undefined && made !== event[change.kind === "create-user" ? "user" : "key"]) return false;
  return Object.entries(change).every(([field, value]) => field === "kind" || event[field] === value);
}

const eventOf: Readonly<Record<Exclude<Change["kind"], "register">, string>> = {
  "create-user": "UserCreated",
  "rename-user": "UserRenamed",
  "delete-user": "UserDeleted",
  "create-key": "PreAuthKeyCreated",
  "expire-key": "PreAuthKeyExpired",
  "rename-node": "NodeRenamed",
  "delete-node": "NodeDeleted",
};

/** While nobody changes anything: what the API shows is what the log says. */
export async function judgeApi(api: Api, ledger: Ledger): Promise<string[]> {
  const [nodes, users, keys] = await Promise.all([api.nodes(), api.users(), api.keys()]);
  const shown = {
    nodes: nodes.map((n) => [
      Number(n.id),
      n.machineKey,
      n.nodeKey,
      n.user === null ? null : Number(n.user.id),
      n.givenName,
      n.ipAddresses.join(),
    ]),
    users: users.map((u) => [Number(u.id), u.name]),
    keys: keys.map((k) => [Number(k.id), k.reusable, k.used]),
  };
  const said = {
    nodes: [...ledger.nodes.values()].map((n) => [
      n.id,
      n.machineKey,
      n.nodeKey,
      n.user,
      n.name,
      n.addresses.join(),
    ]),
    users: [...ledger.users].map(([id, name]) => [id, name]),
    keys: [...ledger.keys.values()].map((k) => [k.id, k.reusable, k.used]),
  };
  return (["nodes", "users", "keys"] as const).flatMap((table) =>
    differences(table, shown[table], said[table]),
  );
}

function differences(table: string, shown: readonly unknown[][], said: readonly unknown[][]): string[] {
  const rows = new Map(said.map((row) => [row[0], JSON.stringify(row)]));
  const wrong: string[] = [];
  for (const row of shown) {
    const text = JSON.stringify(row);
    if (rows.get(row[0]) !== text)
      wrong.push(`${table}: the API shows ${text}, the log says ${rows.get(row[0]) ?? "nothing"}`);
    rows.delete(row[0]);
  }
  for (const text of rows.values()) wrong.push(`${table}: the log says ${text}, the API shows nothing`);
  return wrong;
}

/** Waits until every client is back and knows what the API knows; what is still wrong at the deadline. */
export async function judgeHolders(
  api: Api,
  holders: readonly Holder[],
  ms: number,
): Promise<{ readonly wrong: readonly string[]; readonly tookMs: number }> {
  const began = performance.now();
  const machines = new Set(holders.map((holder) => holder.client.machine.text));
  for (;;) {
    const nodes = await api.nodes();
    const wrong = holders.flatMap((holder) => {
      const difference = holder.difference(nodes, machines);
      return difference === undefined ? [] : [`client ${holder.client.hostname} ${difference}`];
    });
    const tookMs = performance.now() - began;
    if (wrong.length === 0) return { wrong, tookMs };
    if (tookMs > ms) {
      const reasons = holders.map((h) => JSON.stringify(Object.fromEntries(h.ends))).join(" ");
      return { wrong: wrong.map((one) => `${one} after ${ms} ms (streams: ${reasons})`), tookMs };
    }
    await pause(50);
  }
}
