// The policy text. Checking (parsing, compiling, its tests) happens outside and before the decision.
// The fixed words in the errors are what existing admin interfaces look for.

import { z } from "@hono/zod-openapi";
import { Faults } from "@hydrascale/core/domain/policy/faults";
import { parseHujson } from "@hydrascale/core/domain/policy/hujson";
import { problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { formatTime, zeroTime } from "../input.ts";
import { mebibyte, operation } from "../operation.ts";
import type { Call, Operation } from "../operation.ts";
import type { ApiProblem } from "../problem.ts";
import { nothing } from "../schemas.ts";

const tag = "policy";
const body = z.object({ policy: z.string().default("") });
const bodyLimit = 4 * mebibyte;
const answer = z.object({
  policy: z.string(),
  updatedAt: z
    .string()
    .nullable()
    .openapi({ format: "date-time", description: "null: the policy is a file" }),
});

/** What is stored. Admin interfaces take a null time for "read-only", so "never set" is the zero time. */
function stored(call: Call): object {
  const row = call.directory.policy.get("policy");
  const updatedAt = row === undefined ? zeroTime : formatTime(row.updatedAt);
  return { policy: row?.text ?? "", updatedAt: call.options.policyMode === "file" ? null : updatedAt };
}

/** Interfaces tell a text that cannot be read from one that means nothing by these words. */
function introduction(text: string): string {
  const faults = new Faults(text);
  parseHujson(text, faults);
  return `parsing policy from bytes: ${faults.any ? "parsing HuJSON: " : ""}`;
}

async function accepted(call: Call, text: string): Promise<Result<void, ApiProblem>> {
  const findings = await call.options.policyCheck(text);
  const [first] = findings;
  if (first === undefined) return ok(undefined);
  const messages = findings.slice(0, 50).map((f) => f.message);
  const hint = findings.find((f) => f.hint !== undefined)?.hint;
  return err({
    ...problem(first.code, introduction(text) + messages.join("; "), hint),
    errors: messages.map((message) => ({ message, location: "body.policy" })),
  });
}

const getPolicy = operation({
  id: "getPolicy",
  method: "get",
  path: "/api/v1/policy",
  tag,
  summary: "The policy as it was stored, byte for byte; empty when none was.",
  answer,
  async run(_, call) {
    return ok(stored(call));
  },
});

const setPolicy = operation({
  id: "setPolicy",
  method: "put",
  path: "/api/v1/policy",
  tag,
  summary: "Check and store a policy.",
  body,
  bodyLimit,
  answer,
  async run({ body }, call) {
    if (call.options.policyMode === "file")
      return err(
        problem(
          "invalid",
          "policy: update is disabled for modes other than 'database'",
          "change the policy file, or set policy.mode to database",
        ),
      );
    const fine = await accepted(call, body.policy);
    if (!fine.ok) return fine;
    const decided = await call.execute({
      kind: "SetPolicy",
      text: body.policy,
      source: "api",
      ifMatch: null,
    });
    return decided.ok ? ok(stored(call)) : decided;
  },
});

const checkPolicy = operation({
  id: "checkPolicy",
  method: "post",
  path: "/api/v1/policy/check",
  tag,
  summary: "Check a policy without storing it.",
  body,
  bodyLimit,
  answer: nothing,
  async run({ body }, call) {
    const fine = await accepted(call, body.policy);
    return fine.ok ? ok({}) : fine;
  },
});

export const policyOperations: readonly Operation[] = [getPolicy, setPolicy, checkPolicy];
