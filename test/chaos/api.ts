// The API as a careful caller uses it: every change carries an idempotency key and is repeated with the same one until
// the answer is definite.

import { setTimeout as pause } from "node:timers/promises";
import type { Change, History, Operation } from "./history.ts";

export interface ApiNode {
  readonly id: string;
  readonly machineKey: string;
  readonly nodeKey: string;
  readonly ipAddresses: readonly string[];
  readonly givenName: string;
  readonly online: boolean;
  readonly user: { readonly id: string } | null;
}

export interface ApiUser {
  readonly id: string;
  readonly name: string;
}

export interface ApiKeyRow {
  readonly id: string;
  readonly key: string;
  readonly used: boolean;
  readonly reusable: boolean;
}

export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

const attemptMs = 20_000;
/** A restart takes seconds; on a busy machine many. */
const giveUpMs = 180_000;

export class Api {
  readonly history: History;
  private readonly url: string;
  private readonly key: string;

  constructor(url: string, key: string, history: History) {
    this.url = url;
    this.key = key;
    this.history = history;
  }

  /** One attempt; undefined when its outcome is unknown. */
  async attempt(
    method: string,
    path: string,
    body?: object,
    id?: string,
    signal: AbortSignal = AbortSignal.timeout(attemptMs),
  ): Promise<Answer | undefined> {
    try {
      const response = await fetch(this.url + path, {
        method,
        signal,
        headers: {
          authorization: `Bearer ${this.key}`,
          "content-type": "application/json",
          ...(id === undefined ? {} : { "idempotency-key": id }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const json: unknown = await response.json();
      return response.status >= 500 ? undefined : { status: response.status, json };
    } catch {
      return undefined;
    }
  }

  /** Repeats until the answer is definite, or with `once` not at all. Records the operation. */
  async change(
    change: Change,
    request: { readonly id: string; readonly method: string; readonly path: string; readonly body?: object },
    made: (json: never) => string | undefined,
    once = false,
  ): Promise<Operation> {
    const operation = this.history.begin(request.id, change);
    const deadline = performance.now() + giveUpMs;
    for (;;) {
      operation.attempts++;
      const answer = await this.attempt(request.method, request.path, request.body, request.id);
      if (answer !== undefined) {
        operation.outcome = settled(answer, made);
        if (answer.status === 401)
          this.history.violations.push(`${request.path}: the API key is not accepted`);
        return operation;
      }
      if (once || performance.now() > deadline) {
        operation.outcome = { kind: "unknown" };
        return operation;
      }
      await pause(20 + Math.min(operation.attempts * 20, 500));
    }
  }

  /** Reads until the server answers. */
  async read<T>(path: string): Promise<T> {
    const deadline = performance.now() + giveUpMs;
    for (;;) {
      const answer = await this.attempt("GET", path);
      if (answer?.status === 200) return answer.json as T;
      if (answer !== undefined)
        throw new Error(`GET ${path}: ${answer.status} ${JSON.stringify(answer.json)}`);
      if (performance.now() > deadline) throw new Error(`GET ${path}: no answer within ${giveUpMs / 1000} s`);
      await pause(50);
    }
  }

  nodes = async (): Promise<readonly ApiNode[]> =>
    (await this.read<{ nodes: readonly ApiNode[] }>("/api/v1/node")).nodes;
  users = async (): Promise<readonly ApiUser[]> =>
    (await this.read<{ users: readonly ApiUser[] }>("/api/v1/user")).users;
  keys = async (): Promise<readonly ApiKeyRow[]> =>
    (await this.read<{ preAuthKeys: readonly ApiKeyRow[] }>("/api/v1/preauthkey")).preAuthKeys;
}

function settled(answer: Answer, made: (json: never) => string | undefined): Operation["outcome"] {
  // Done, and the thing itself deleted by somebody else before the answer was put together.
  if (answer.status === 404 && JSON.stringify(answer.json).includes("deleted since"))
    return { kind: "ok", made: undefined };
  if (answer.status >= 400)
    return { kind: "fail", reason: `${answer.status} ${JSON.stringify(answer.json)}` };
  const id = made(answer.json as never);
  return { kind: "ok", made: id === undefined ? undefined : Number(id) };
}
