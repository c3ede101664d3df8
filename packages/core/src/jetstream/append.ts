// The compare-and-set write under logs and buckets: one plain request, one answer, and every way it can end. No message
// id: the expectation already makes a resend harmless, and dedupe would answer differently on one server and on three.

import { ProblemError } from "../lib/errors.ts";
import type { AppendOutcome } from "../store/ports.ts";
import { apiErrorOf, busyCode, conflictCode, lastSequenceIn, refusals } from "./codes.ts";
import { headersOf, parseJson } from "./connect.ts";
import type { NatsLink } from "./connect.ts";
import type { StreamSource } from "./feed.ts";

export interface Append {
  readonly subject: string;
  readonly expected: number;
  readonly data: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the server takes, less room for subject and headers. */
export const maxRecordOf = (link: NatsLink): number => link.maxPayload - 64 * 1024;

export async function appendExpecting(
  link: NatsLink,
  source: StreamSource,
  append: Append,
): Promise<AppendOutcome> {
  const { subject, data, expected } = append;
  if (data.length > maxRecordOf(link)) {
    return {
      kind: "refused",
      reason: `${data.length} bytes, the server takes ${maxRecordOf(link)}`,
      retry: false,
    };
  }
  const head = headersOf({ "Nats-Expected-Last-Subject-Sequence": String(expected), ...append.headers });
  let answer: unknown;
  try {
    answer = parseJson(await link.request(subject, data, head));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { code, message } = error.problem;
    if (code === "forbidden") return { kind: "refused", reason: message, retry: false };
    return { kind: "unknown", reason: message };
  }
  const error = apiErrorOf(answer);
  if (error === undefined) return stored(answer);
  if (error.errCode === busyCode) return { kind: "busy" };
  if (error.errCode === conflictCode) {
    const lastSeq = lastSequenceIn(error) ?? (await lastSeqOf(source, subject));
    return lastSeq === undefined
      ? { kind: "unknown", reason: "a conflict whose last sequence cannot be read" }
      : { kind: "conflict", lastSeq };
  }
  const refusal = refusals.get(error.errCode);
  if (refusal !== undefined) return { kind: "refused", ...refusal };
  return { kind: "unknown", reason: `nats error ${error.errCode}: ${error.description}` };
}

function stored(answer: unknown): AppendOutcome {
  const seq = typeof answer === "object" && answer !== null && "seq" in answer ? answer.seq : undefined;
  return typeof seq === "number" && seq > 0
    ? { kind: "stored", seq }
    : { kind: "unknown", reason: "an answer without a sequence" };
}

async function lastSeqOf(source: StreamSource, subject: string): Promise<number | undefined> {
  try {
    return (await source.last(subject))?.seq ?? 0;
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}
