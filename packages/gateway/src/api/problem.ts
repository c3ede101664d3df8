// Errors as the API's clients read them: the members of RFC 9457 and those of the older gRPC gateway in one body,
// because each of the clients in use looks at another one.

import { STATUS_CODES } from "node:http";
import { errorKinds } from "@hydrascale/core/lib/errors";
import type { ErrorCode, Problem } from "@hydrascale/core/lib/errors";

export interface FieldError {
  readonly message: string;
  readonly location?: string;
}

/** A problem with what only HTTP adds: a status of its own, and the fields that are wrong. */
export interface ApiProblem extends Problem {
  readonly status?: number;
  readonly errors?: readonly FieldError[];
}

export const statusOf = (problem: ApiProblem): number => problem.status ?? errorKinds[problem.code].http;

/** The same problem under another HTTP status for some codes, where existing clients expect one. */
export const withStatus = (
  problem: ApiProblem,
  statuses: Partial<Record<ErrorCode, number>> | undefined,
): ApiProblem => {
  const status = statuses?.[problem.code];
  return status === undefined ? problem : { ...problem, status };
};

/** Old generated clients read nothing but `application/json`; they say so by accepting exactly that. */
const contentType = (accept: string | undefined): string =>
  accept?.trim().toLowerCase() === "application/json" ? "application/json" : "application/problem+json";

export function problemResponse(
  problem: ApiProblem,
  accept: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const status = statusOf(problem);
  const body = {
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: problem.message,
    errors: problem.errors ?? [{ message: problem.message }],
    message: problem.message,
    code: errorKinds[problem.code].grpc,
    details: [],
    kind: problem.code,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, "content-type": contentType(accept) },
  });
}

/** Says nothing but the word that clients look for, in fewer than 100 bytes. */
export function unauthorized(accept: string | undefined): Response {
  const word = "Unauthorized";
  const body = {
    title: word,
    status: 401,
    detail: word,
    message: word,
    code: errorKinds.unauthenticated.grpc,
  };
  return new Response(JSON.stringify(body), {
    status: 401,
    headers: { "content-type": contentType(accept), "www-authenticate": "Bearer" },
  });
}
