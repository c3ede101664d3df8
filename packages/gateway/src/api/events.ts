// The audit as a stream of lines. It reads the log in order and, when following, reads on whenever something was
// decided: no queue grows for a reader who is slow.

import { parseDuration } from "@hydrascale/core/config/duration";
import { NamesOfLog, describeEvent, eventKinds } from "@hydrascale/core/domain/directory/describe";
import type { Names } from "@hydrascale/core/domain/directory/describe";
import type { DirectoryEvent } from "@hydrascale/core/domain/directory/events";
import type { Millis, NodeId } from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { HistoryEntry, TailnetService } from "../service.ts";
import { quoted } from "./find.ts";
import { formatTime, parseId, parseTime } from "./input.ts";
import type { Call } from "./operation.ts";

export interface EventsQuery {
  readonly since: string;
  readonly kind: string;
  readonly node: string;
  readonly follow?: boolean | undefined;
}

export interface AuditEntry {
  readonly seq: number;
  readonly time: string;
  readonly id: string;
  readonly by: Principal | null;
  readonly kind: string;
  readonly summary: string;
  readonly event: object | null;
}

interface Filter {
  readonly afterSeq: number;
  readonly afterTime: Millis;
  readonly kinds: ReadonlySet<string>;
  /** A node's name at the time counts as well as its id. */
  readonly node: string;
}

const voidKind = "Void";
const heartbeatMs = 25_000;

function parseSince(text: string, now: Millis): Result<{ seq: number; time: Millis }, Problem> {
  if (text === "" || text === "0") return ok({ seq: 0, time: 0 });
  const seq = parseId(text);
  if (seq !== undefined) return ok({ seq, time: 0 });
  const time = parseTime(text);
  if (time !== undefined) return ok({ seq: 0, time: time ?? 0 });
  const age = parseDuration(text);
  if (age.ok) return ok({ seq: 0, time: now - age.value });
  return err(
    problem(
      "invalid",
      `query.since: ${quoted(text)} is no sequence, time or age`,
      "for example 120, 2026-01-02T15:04:05Z or 90m",
    ),
  );
}

function parseKinds(text: string): Result<ReadonlySet<string>, Problem> {
  const known = [...eventKinds, voidKind];
  const kinds = new Set<string>();
  for (const word of text.split(",").filter((w) => w !== "")) {
    const kind = known.find((k) => k.toLowerCase() === word.trim().toLowerCase());
    if (kind === undefined)
      return err(
        problem(
          "invalid",
          `query.kind: ${quoted(word)} is no kind of event`,
          `kinds are ${known.join(", ")}`,
        ),
      );
    kinds.add(kind);
  }
  return ok(kinds);
}

/** Hashes are not secret enough to hide from an audit, and not public enough to hand out. */
function withoutHash(event: DirectoryEvent): object {
  if (!("hash" in event)) return event;
  const { hash: _, ...rest } = event;
  return rest;
}

function concerns(event: DirectoryEvent, wanted: string, names: Names): boolean {
  if (!("node" in event)) return false;
  const named = "name" in event ? event.name : undefined;
  return String(event.node) === wanted || named === wanted || names.node(event.node) === wanted;
}

/** Lines for one message of the log; teaches `names` what it says. */
function entries(entry: HistoryEntry, filter: Filter, names: NamesOfLog): AuditEntry[] {
  const wanted = (kind: string, time: Millis): boolean =>
    entry.seq > filter.afterSeq &&
    time >= filter.afterTime &&
    (filter.kinds.size === 0 || filter.kinds.has(kind));
  if (!entry.valid) {
    if (filter.node !== "" || !wanted(voidKind, entry.time)) return [];
    const summary = `message ${entry.seq} is void: it does not follow the last valid one, and nothing of it counts`;
    return [
      {
        seq: entry.seq,
        time: formatTime(entry.time),
        id: "",
        by: null,
        kind: voidKind,
        summary,
        event: null,
      },
    ];
  }
  const found: AuditEntry[] = [];
  for (const { id, by, at, events } of entry.message.decisions) {
    for (const event of events) {
      if (wanted(event.kind, at) && (filter.node === "" || concerns(event, filter.node, names)))
        found.push({
          seq: entry.seq,
          time: formatTime(at),
          id,
          by,
          kind: event.kind,
          summary: describeEvent(event, names),
          event: withoutHash(event),
        });
      names.learn(event);
    }
  }
  return found;
}

/** Resolves at the next decision, at the end of the request, or when it is time to show that we live. */
function nextDecision(service: TailnetService, call: Call, signal: AbortSignal): Promise<"decided" | "idle"> {
  return new Promise((resolve) => {
    const finish = (why: "decided" | "idle"): void => {
      stop();
      cancelTimer();
      signal.removeEventListener("abort", aborted);
      resolve(why);
    };
    const aborted = (): void => finish("idle");
    const stop = service.onDecision(() => finish("decided"));
    const cancelTimer = call.options.clock.after(heartbeatMs, () => finish("idle"));
    signal.addEventListener("abort", aborted);
    if (signal.aborted) finish("idle");
  });
}

async function* lines(
  filter: Filter,
  call: Call,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const names = new NamesOfLog();
  // names come from the whole log, so it is read from its beginning
  let next = 1;
  for (;;) {
    const change = follow ? nextDecision(call.service, call, signal) : undefined;
    for await (const entry of call.service.history(next)) {
      if (signal.aborted) return;
      next = entry.seq + 1;
      const text = entries(entry, filter, names).map((e) => `${JSON.stringify(e)}\n`);
      if (text.length > 0) yield text.join("");
    }
    if (change === undefined || signal.aborted) return;
    if ((await change) === "idle" && !signal.aborted) yield "\n";
  }
}

export function streamEvents(query: EventsQuery, call: Call): Result<Response, Problem> {
  const since = parseSince(query.since, call.options.clock.now());
  if (!since.ok) return since;
  const kinds = parseKinds(query.kind);
  if (!kinds.ok) return kinds;
  const known = call.directory.index.nodeByName(query.node);
  const filter: Filter = {
    afterSeq: since.value.seq,
    afterTime: since.value.time,
    kinds: kinds.value,
    node: known === undefined ? query.node : String(known satisfies NodeId),
  };
  const over = new AbortController();
  const source = lines(filter, call, query.follow ?? false, over.signal);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel() {
      over.abort();
    },
  });
  return ok(
    new Response(body, { headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" } }),
  );
}
