// One operation of the API: what it takes, what it answers, and the function between. From this both the route and
// its documentation are made, so that they cannot differ.

import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import type { Command, CommandResult } from "@hydrascale/core/domain/directory/commands";
import type { DirectoryState } from "@hydrascale/core/domain/directory/state";
import type { CommandId } from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import { problem } from "@hydrascale/core/lib/errors";
import type { ErrorCode, Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Decided, TailnetService } from "../service.ts";
import { parseMembers, readBody } from "./body.ts";
import type { ApiOptions } from "./options.ts";
import type { ApiProblem } from "./problem.ts";

export const mebibyte = 1024 * 1024;

/** What a handler has of the request besides its input. */
export interface Call {
  readonly options: ApiOptions;
  readonly service: TailnetService;
  readonly directory: DirectoryState;
  readonly by: Principal;
  /** Chosen by the caller, so that a repeat gets the first answer. */
  readonly commandId: CommandId | undefined;
  /** The first answer to a command that the same caller repeats; what it named may be gone since. */
  readonly firstAnswer: CommandResult | undefined;
  /** `id`: what a key was minted from, when the caller chose none. */
  execute(command: Command, id?: CommandId): Promise<Result<Decided, Problem>>;
}

/** The caller repeats a command id, but asks for something else with it. */
export const otherCommand = problem(
  "conflict",
  "idempotency-key: was used for another request",
  "choose another one",
);

type Shape = z.ZodObject;

interface Definition<P extends Shape, Q extends Shape, B extends Shape> {
  readonly id: string;
  readonly method: "get" | "post" | "put" | "delete";
  /** With parameters in braces. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params: P;
  readonly query: Q;
  /** Absent: whatever body comes is ignored. */
  readonly body: B;
  readonly takesBody: boolean;
  readonly bodyLimit: number;
  readonly answer: z.ZodType;
  /** `fold`: answer at once from what this gateway knows, for what must work while the log is away. */
  readonly reads: "barrier" | "fold";
  /** Media type of the answer; handlers of others answer a Response. */
  readonly mediaType: string;
  readonly statuses: Partial<Record<ErrorCode, number>>;
  run(
    input: { readonly params: z.infer<P>; readonly query: z.infer<Q>; readonly body: z.infer<B> },
    call: Call,
  ): Promise<Result<object, ApiProblem>>;
}

type Optional = "params" | "query" | "body" | "bodyLimit" | "reads" | "statuses" | "mediaType";

/** An operation whose input types no longer matter: it parses a request and runs. */
export interface Operation extends Omit<Definition<Shape, Shape, Shape>, "run"> {
  /** Parses the request, then runs. A Response goes out as it is, any other object as JSON. */
  handle(c: Context, call: Call): Promise<Result<object, ApiProblem>>;
}

const empty = z.object({});

export function operation<
  P extends Shape = typeof empty,
  Q extends Shape = typeof empty,
  B extends Shape = typeof empty,
>(
  given: Omit<Definition<P, Q, B>, Optional | "takesBody"> & Partial<Pick<Definition<P, Q, B>, Optional>>,
): Operation {
  const params: Shape = given.params ?? empty;
  const query: Shape = given.query ?? empty;
  const body: Shape = given.body ?? empty;
  const takesBody = given.body !== undefined;
  const bodyLimit = given.bodyLimit ?? mebibyte;
  return {
    reads: "barrier",
    statuses: {},
    mediaType: "application/json",
    ...given,
    params,
    query,
    body,
    takesBody,
    bodyLimit,
    async handle(c, call) {
      const p = check(params, c.req.param(), "path");
      if (!p.ok) return p;
      const q = check(query, c.req.query(), "query");
      if (!q.ok) return q;
      const members = takesBody ? await bodyMembers(c.req.raw, bodyLimit) : ok({});
      if (!members.ok) return members;
      const b = check(body, members.value, "body");
      if (!b.ok) return b;
      // check() parsed with the very schemas that P, Q and B are the types of
      return given.run(
        { params: p.value as z.infer<P>, query: q.value as z.infer<Q>, body: b.value as z.infer<B> },
        call,
      );
    },
  };
}

async function bodyMembers(
  request: Request,
  limit: number,
): Promise<Result<Record<string, unknown>, Problem>> {
  const bytes = await readBody(request, limit);
  return bytes.ok ? parseMembers(bytes.value) : bytes;
}

function check(schema: Shape, input: unknown, where: string): Result<unknown, ApiProblem> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return ok(parsed.data);
  const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
    message: issue.message.slice(0, 200),
    location: [where, ...issue.path.map(String)].join("."),
  }));
  const text = errors.map((e) => `${e.location}: ${e.message}`).join("; ");
  return err({ ...problem("invalid", text), errors });
}
