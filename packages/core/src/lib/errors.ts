// The one table of what can go wrong. A code is stable API: it is what logs, the CLI's exit status and the
// HTTP API speak. docs/errors.md is generated from this table and tested against it.

export interface ErrorKind {
  /** HTTP status at the API. */
  readonly http: number;
  /** gRPC status number, which older API clients read. */
  readonly grpc: number;
  /** Exit status of the CLI. */
  readonly exit: number;
  /** One sentence for docs/errors.md: when it happens. */
  readonly when: string;
  /** One sentence for docs/errors.md: what to do. */
  readonly hint: string;
}

export const errorKinds = {
  invalid: {
    http: 400,
    grpc: 3,
    exit: 2,
    when: "the input is not acceptable as it stands",
    hint: "correct the input; the message names the field and the rule",
  },
  unauthenticated: {
    http: 401,
    grpc: 16,
    exit: 3,
    when: "no API key was given, or it is unknown, expired or revoked",
    hint: "create a key with `hydrascale apikeys create`",
  },
  forbidden: {
    http: 403,
    grpc: 7,
    exit: 3,
    when: "the caller may not do this",
    hint: "use a key or a node that may",
  },
  "not-found": {
    http: 404,
    grpc: 5,
    exit: 4,
    when: "the thing named does not exist (any more)",
    hint: "list what exists and name one of those",
  },
  conflict: {
    http: 409,
    grpc: 6,
    exit: 5,
    when: "something with that name, key or address exists",
    hint: "choose another, or change the existing one",
  },
  precondition: {
    http: 412,
    grpc: 9,
    exit: 5,
    when: "the state is not the one the request assumed",
    hint: "read the current state and decide again",
  },
  "too-large": {
    http: 413,
    grpc: 8,
    exit: 2,
    when: "the input is larger than the limit",
    hint: "send less; the message names the limit",
  },
  exhausted: {
    http: 409,
    grpc: 8,
    exit: 6,
    when: "a pool (addresses, names, pending logins) has nothing left",
    hint: "widen the pool or delete what is unused",
  },
  unavailable: {
    http: 503,
    grpc: 14,
    exit: 7,
    when: "the log cannot be reached; the outcome may be unknown",
    hint: "repeat with the same command id: the first answer is given again",
  },
  unsupported: {
    http: 400,
    grpc: 12,
    exit: 2,
    when: "this release does not do that, and does not half do it",
    hint: "the message says what is supported instead",
  },
  setup: {
    http: 500,
    grpc: 13,
    exit: 8,
    when: "this installation is not in a state that can be served from",
    hint: "`hydrascale doctor` finds the cause; the message says what to change",
  },
  internal: { http: 500, grpc: 13, exit: 1, when: "a bug", hint: "report it with the log lines around it" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** What is wrong, for people: object first, lower case, no period; `hint` says what to do. Never holds a secret. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export const problem = (code: ErrorCode, message: string, hint?: string): Problem =>
  hint === undefined ? { code, message } : { code, message, hint };

/** A problem on its way through code that cannot return a value. Caught once, at a boundary. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(p: Problem, options?: ErrorOptions) {
    super(p.message, options);
    this.name = "ProblemError";
    this.problem = p;
  }
}

/** What anything thrown says of itself: for logs and for problems made of it. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
