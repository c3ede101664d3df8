// The API's own description, made from the operations that are served, and a page that shows it without any script.

import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { RouteConfig } from "@hono/zod-openapi";
import { stringify } from "yaml";
import { page, html } from "../pages/html.ts";
import type { Operation } from "./operation.ts";
import { problemShape } from "./schemas.ts";

const problemContent = { "application/problem+json": { schema: problemShape } };

function documented(operation: Operation): RouteConfig {
  const writes = operation.method !== "get";
  return {
    method: operation.method,
    path: operation.path,
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    security: [{ apiKey: [] }],
    request: {
      params: operation.params,
      query: operation.query.extend({
        minSeq: z
          .string()
          .optional()
          .openapi({ description: "answer only once this sequence is part of the state" }),
      }),
      ...(writes
        ? {
            headers: z.object({
              "Idempotency-Key": z.string().optional().openapi({
                description: "1 to 64 of A-Z a-z 0-9 _ -; a repeat with the same value gets the first answer",
              }),
            }),
          }
        : {}),
      ...(operation.takesBody
        ? { body: { required: false, content: { "application/json": { schema: operation.body } } } }
        : {}),
    },
    responses: {
      200: {
        description: "done",
        content: { [operation.mediaType]: { schema: operation.answer } },
        ...(writes
          ? {
              headers: z.object({
                "X-Hydrascale-Seq": z.string().openapi({
                  description: "sequence of the decision, for minSeq; 0 when nothing had to change",
                }),
              }),
            }
          : {}),
      },
      401: { description: "no valid API key", content: problemContent },
      default: { description: "what went wrong", content: problemContent },
    },
  };
}

export interface Description {
  readonly json: string;
  readonly yaml: string;
  readonly docs: string;
}

export function describeApi(operations: readonly Operation[], version: string): Description {
  const app = new OpenAPIHono();
  for (const operation of operations) app.openAPIRegistry.registerPath(documented(operation));
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "http", scheme: "bearer" });
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Hydrascale API",
      version,
      description: "The headscale v1 API, and under tag hydrascale what is ours.",
    },
    security: [{ apiKey: [] }],
  });
  return {
    json: JSON.stringify(document),
    yaml: stringify(document, { aliasDuplicateObjects: false }),
    docs: docsPage(operations),
  };
}

function docsPage(operations: readonly Operation[]): string {
  const row = (o: Operation): string =>
    html`<tr>
      <td><code>${o.method.toUpperCase()} ${o.path}</code></td>
      <td>${o.id}</td>
      <td>${o.summary}</td>
    </tr>`.text;
  const tags = [...new Set(operations.map((o) => o.tag))];
  const section = (tag: string): string =>
    `${html`<h2>${tag}</h2>`.text}<table>${operations
      .filter((o) => o.tag === tag)
      .map(row)
      .join("")}</table>`;
  return page(
    "Hydrascale API v1",
    html`<p>
      Every operation takes <code>Authorization: Bearer</code> with an API key (<code
        >hydrascale apikeys create</code
      >). The whole description: <a href="/api/v1/openapi.json">openapi.json</a>,
      <a href="/api/v1/openapi.yaml">openapi.yaml</a>.
    </p>`,
    { text: tags.map(section).join("") },
  );
}
