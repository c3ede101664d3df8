// The API as commands call it. A change carries an Idempotency-Key, so that repeating it while the outcome is unknown
// gives the first answer again; the client repeats for 12 s, which is longer than an election of the store.

import { randomBytes } from "node:crypto";
import { errorKinds, problem, type ErrorCode, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { bodyText, exchange, type Exchange, type Outcome, type Target } from "./transport.ts";

export interface ClientOptions {
  readonly target: Target;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** How long a change or question is repeated; default 12 s. */
  readonly patienceMs?: number;
  /** Pause between two tries; default 250 ms. */
  readonly pauseMs?: number;
}

export type Json = Readonly<Record<string, unknown>>;
export type Query = Readonly<Record<string, string | undefined>>;

type Sent = Omit<Exchange, "signal">;

const maxAnswer = 256 * 1024 * 1024;

const pathWith = (path: string, query: Query): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function codeOf(status: number, body: Json): ErrorCode {
  const { kind } = body;
  if (typeof kind === "string" && Object.hasOwn(errorKinds, kind)) return kind as ErrorCode; // a key of the table
  const byStatus: Readonly<Record<number, ErrorCode>> = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    409: "conflict",
    412: "precondition",
    413: "too-large",
    429: "unavailable",
    501: "unsupported",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
  };
  return byStatus[status] ?? (status >= 500 ? "internal" : "invalid");
}

/** What the server said is wrong. */
function problemFrom(status: number, text: string): Problem {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const fields = isRecord(body) ? body : {};
  const code = codeOf(status, fields);
  if (code === "unauthenticated")
    return problem(code, "the API key is missing, unknown, expired or revoked", errorKinds[code].hint);
  const detail = fields.detail ?? fields.message;
  const message =
    typeof detail === "string" && detail !== "" ? detail : `the server answered ${status} without a reason`;
  return problem(code, message, typeof fields.hint === "string" ? fields.hint : errorKinds[code].hint);
}

export class Client {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
  }

  get(path: string, query: Query = {}): Promise<Result<Json, Problem>> {
    return this.call("GET", pathWith(path, query));
  }

  /** `timeoutMs` for what takes its time. */
  post(path: string, body: Json = {}, query: Query = {}, timeoutMs?: number): Promise<Result<Json, Problem>> {
    return this.call("POST", pathWith(path, query), body, timeoutMs);
  }

  put(path: string, body: Json): Promise<Result<Json, Problem>> {
    return this.call("PUT", path, body);
  }

  delete(path: string, query: Query = {}): Promise<Result<Json, Problem>> {
    return this.call("DELETE", pathWith(path, query));
  }

  private async call(
    method: string,
    path: string,
    body?: Json,
    timeoutMs = this.options.timeoutMs,
  ): Promise<Result<Json, Problem>> {
    const headers = method === "GET" ? {} : { "idempotency-key": randomBytes(16).toString("hex") };
    const sent: Sent = {
      method,
      path,
      headers,
      timeoutMs,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const answer = await this.repeat(sent);
    if (!answer.ok) return answer;
    const { status, text } = answer.value;
    if (status >= 300) return err(problemFrom(status, text));
    try {
      const value: unknown = text === "" ? {} : JSON.parse(text);
      if (isRecord(value)) return ok(value);
    } catch {
      // falls through: not JSON
    }
    return err(problem("invalid", "the answer is not JSON", "is there a hydrascale server at this address?"));
  }

  private async repeat(sent: Sent): Promise<Result<{ status: number; text: string }, Problem>> {
    const { target, signal, patienceMs = 12_000, pauseMs = 250 } = this.options;
    const deadline = performance.now() + patienceMs;
    for (let tries = 0; ; tries++) {
      const outcome = await exchange(target, { ...sent, signal });
      const text =
        outcome.kind === "answered" ? await bodyText(outcome.response, maxAnswer, sent.timeoutMs) : undefined;
      if (outcome.kind === "answered" && text !== undefined && !isPassing(outcome.status))
        return ok({ status: outcome.status, text });
      if (outcome.kind === "aborted" || signal.aborted)
        return err(problem("unavailable", "stopped before the answer came"));
      // Nobody was there from the start: nothing to wait for. Gone after a first try: perhaps a restart.
      if (outcome.kind === "absent" && tries === 0) return err(absentProblem(target, outcome.reason));
      if (performance.now() >= deadline) return err(this.gaveUp(outcome, text));
      await pause(pauseMs, signal);
    }
  }

  private gaveUp(outcome: Outcome, text: string | undefined): Problem {
    if (outcome.kind === "answered" && text !== undefined) return problemFrom(outcome.status, text);
    if (outcome.kind === "absent") return absentProblem(this.options.target, outcome.reason);
    const reason = outcome.kind === "broken" ? outcome.reason : "the answer broke off";
    return problem(
      "unavailable",
      `no answer from ${nameOf(this.options.target)}: ${reason}`,
      errorKinds.unavailable.hint,
    );
  }

  /** One JSON value a line, for as long as the server sends. Ends quietly when aborted. */
  async *lines(path: string, query: Query): AsyncGenerator<Result<Json, Problem>, void> {
    const { target, timeoutMs, signal } = this.options;
    const outcome = await exchange(target, { method: "GET", path: pathWith(path, query), timeoutMs, signal });
    if (outcome.kind === "aborted") return;
    if (outcome.kind === "absent") {
      yield err(absentProblem(target, outcome.reason));
      return;
    }
    if (outcome.kind === "broken") {
      yield err(this.gaveUp(outcome, undefined));
      return;
    }
    if (outcome.status >= 300) {
      const text = (await bodyText(outcome.response, maxAnswer, timeoutMs)) ?? "";
      yield err(problemFrom(outcome.status, text));
      return;
    }
    let rest = "";
    // The server sends an empty line every 25 s when nothing happens: longer silence means that it is gone.
    outcome.response.setTimeout(75_000, () => outcome.response.destroy());
    outcome.response.setEncoding("utf8");
    try {
      for await (const part of outcome.response) {
        const texts = (rest + String(part)).split("\n");
        rest = texts.pop() ?? "";
        for (const text of texts) {
          if (text.trim() === "") continue;
          const value: unknown = JSON.parse(text);
          if (isRecord(value)) yield ok(value);
        }
      }
      if (outcome.response.complete || signal.aborted) return;
    } catch {
      if (signal.aborted) return;
    }
    yield err(
      problem(
        "unavailable",
        "the stream of events broke off",
        "repeat with --since and the last sequence seen",
      ),
    );
  }
}

const isPassing = (status: number): boolean => status === 503 || status === 502 || status === 504;

const nameOf = (target: Target): string => (target.kind === "socket" ? target.path : target.url.origin);

function absentProblem(target: Target, reason: string): Problem {
  if (target.kind === "socket") {
    if (reason === "EACCES")
      return problem(
        "forbidden",
        `${target.path}: no permission to open the socket`,
        "run it as the server's user, or use --address and --api-key",
      );
    return problem(
      "unavailable",
      `no server is running on ${target.path}`,
      "start one with `hydrascale up` (or npm start), name its folder with --dir, or a remote one with --address and --api-key",
    );
  }
  return problem(
    "unavailable",
    `no server answers at ${target.url.origin}: ${reason}`,
    "check the address, and that the server runs",
  );
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
