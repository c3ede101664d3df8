// The admin API as a web application. It is made twice: for the network, where each request brings a key, and for the
// unix socket, where whoever can open it is trusted. It has no cookies, so no request can be forged through a browser.

import { Hono } from "hono";
import type { Context } from "hono";
import { cors } from "hono/cors";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import { principalText } from "@hydrascale/core/domain/codec";
import type { CommandResult } from "@hydrascale/core/domain/directory/commands";
import type { CommandId } from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import type { TailnetService } from "../service.ts";
import { authenticate } from "./access.ts";
import { parseCommandId } from "./input.ts";
import { describeApi } from "./openapi.ts";
import type { Description } from "./openapi.ts";
import type { Call, Operation } from "./operation.ts";
import { apiKeyOperations } from "./operations/apikeys.ts";
import { loginOperations } from "./operations/logins.ts";
import { nodeOperations } from "./operations/nodes.ts";
import { policyOperations } from "./operations/policy.ts";
import { preAuthKeyOperations } from "./operations/preauthkeys.ts";
import { productOperations } from "./operations/product.ts";
import { userOperations } from "./operations/users.ts";
import type { ApiOptions } from "./options.ts";
import { problemResponse, unauthorized, withStatus } from "./problem.ts";

export const operations: readonly Operation[] = [
  ...userOperations,
  ...preAuthKeyOperations,
  ...apiKeyOperations,
  ...nodeOperations,
  ...loginOperations,
  ...policyOperations,
  ...productOperations,
];

/** Sequence of the decision that a write was answered with. */
export const seqHeader = "x-hydrascale-seq";
const idempotencyHeader = "idempotency-key";

export function createApi(options: ApiOptions): Hono {
  const app = new Hono();
  if (options.corsOrigins.length > 0)
    app.use(
      "/api/*",
      cors({
        origin: options.corsOrigins.includes("*") ? "*" : [...options.corsOrigins],
        allowMethods: ["GET", "POST", "PUT", "DELETE"],
        allowHeaders: ["authorization", "content-type", "accept", idempotencyHeader],
        exposeHeaders: [seqHeader],
        maxAge: 600,
      }),
    );
  serveDescription(app, options.version);
  for (const operation of operations)
    app.on(operation.method.toUpperCase(), honoPath(operation.path), (c) => serve(c, operation, options));
  refuseOtherMethods(app);
  app.notFound((c) => problemResponse(problem("not-found", "no such path"), c.req.header("accept")));
  app.onError((error, c) => {
    options.onBug(error);
    return problemResponse(problem("internal", "internal error"), c.req.header("accept"));
  });
  return app;
}

const honoPath = (path: string): string => path.replace(/\{(\w+)\}/g, ":$1");

/** Made at the first question: it takes a quarter of a second, and most processes are never asked. */
function serveDescription(app: Hono, version: string): void {
  let made: Description | undefined;
  const description = (): Description => (made ??= describeApi(operations, version));
  app.get("/api/v1/openapi.json", (c) =>
    c.body(description().json, 200, { "content-type": "application/json" }),
  );
  app.get("/api/v1/openapi.yaml", (c) =>
    c.body(description().yaml, 200, { "content-type": "application/yaml" }),
  );
  app.get("/api/v1/docs", (c) => c.html(description().docs));
}

function refuseOtherMethods(app: Hono): void {
  for (const path of new Set(operations.map((o) => o.path))) {
    const allow = operations.filter((o) => o.path === path).map((o) => o.method.toUpperCase());
    app.all(honoPath(path), (c) => {
      const refusal = problem(
        "invalid",
        `method ${c.req.method}: not allowed here`,
        `allowed: ${allow.join(", ")}`,
      );
      return problemResponse({ ...refusal, status: 405 }, c.req.header("accept"), {
        allow: allow.join(", "),
      });
    });
  }
}

/** Who asks, once the state is as fresh as the operation needs it. */
async function admit(
  c: Context,
  operation: Operation,
  options: ApiOptions,
): Promise<Result<Principal, Problem>> {
  const bearer = c.req.header("authorization");
  // without credentials that could be any, nobody is asked anything
  if (options.trust === "bearer" && bearer === undefined)
    return err(problem("unauthenticated", "Unauthorized"));
  if (operation.reads === "barrier") {
    const fresh = await options.service.barrier();
    if (!fresh.ok) {
      const known = authenticate(options, bearer);
      return known.ok ? fresh : known;
    }
  }
  return authenticate(options, bearer);
}

async function waitFor(c: Context, options: ApiOptions): Promise<Result<void, Problem>> {
  const text = c.req.query("minSeq");
  if (text === undefined || text === "" || text === "0") return ok(undefined);
  if (!/^\d{1,15}$/.test(text)) return err(problem("invalid", "query.minSeq: not a sequence"));
  return options.service.reached(Number(text));
}

function commandId(c: Context): Result<CommandId | undefined, Problem> {
  const text = c.req.header(idempotencyHeader);
  if (text === undefined) return ok(undefined);
  const id = parseCommandId(text);
  return id === undefined
    ? err(problem("invalid", "idempotency-key: 1 to 64 of A-Z a-z 0-9 _ - are expected"))
    : ok(id);
}

function firstAnswer(
  service: TailnetService,
  id: CommandId | undefined,
  by: Principal,
): CommandResult | undefined {
  const recent = id === undefined ? undefined : service.directory.recent.get(id);
  return recent?.by === principalText(by) ? recent.result : undefined;
}

async function serve(c: Context, operation: Operation, options: ApiOptions): Promise<Response> {
  const accept = c.req.header("accept");
  const by = await admit(c, operation, options);
  if (!by.ok)
    return by.error.code === "unauthenticated" ? unauthorized(accept) : problemResponse(by.error, accept);
  const waited = await waitFor(c, options);
  if (!waited.ok) return problemResponse(waited.error, accept);
  const id = commandId(c);
  if (!id.ok) return problemResponse(id.error, accept);
  let seq: number | undefined;
  const { service } = options;
  const call: Call = {
    options,
    service,
    // looked up each time: the fold is replaced when it heals
    get directory() {
      return service.directory;
    },
    by: by.value,
    commandId: id.value,
    firstAnswer: firstAnswer(service, id.value, by.value),
    async execute(command, minted) {
      const chosen = id.value ?? minted;
      const decided = await service.execute(command, {
        by: by.value,
        ...(chosen === undefined ? {} : { id: chosen }),
      });
      if (decided.ok) seq = decided.value.seq;
      return decided;
    },
  };
  const answer = await operation.handle(c, call);
  if (!answer.ok) return problemResponse(withStatus(answer.error, operation.statuses), accept);
  if (answer.value instanceof Response) return answer.value;
  return c.json(answer.value, 200, seq === undefined ? {} : { [seqHeader]: String(seq) });
}
