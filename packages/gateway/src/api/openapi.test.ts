import assert from "node:assert/strict";
import { test } from "node:test";
import { startFakeApi } from "@hydrascale/test/support/fake-api";
import type { Parsed } from "@hydrascale/test/support/fake-api";
import { parse } from "yaml";
import { operations } from "./app.ts";

/** The v1 surface that existing clients know, as method, path and operation id. */
const surface = `
GET /api/v1/health health
POST /api/v1/user createUser
GET /api/v1/user listUsers
POST /api/v1/user/{oldId}/rename/{newName} renameUser
DELETE /api/v1/user/{id} deleteUser
POST /api/v1/preauthkey createPreAuthKey
GET /api/v1/preauthkey listPreAuthKeys
POST /api/v1/preauthkey/expire expirePreAuthKey
DELETE /api/v1/preauthkey deletePreAuthKey
POST /api/v1/apikey createApiKey
GET /api/v1/apikey listApiKeys
POST /api/v1/apikey/expire expireApiKey
DELETE /api/v1/apikey/{prefix} deleteApiKey
GET /api/v1/node listNodes
GET /api/v1/node/{nodeId} getNode
DELETE /api/v1/node/{nodeId} deleteNode
POST /api/v1/node/{nodeId}/expire expireNode
POST /api/v1/node/{nodeId}/rename/{newName} renameNode
POST /api/v1/node/{nodeId}/tags setTags
POST /api/v1/node/{nodeId}/approve_routes setApprovedRoutes
POST /api/v1/node/register registerNode
POST /api/v1/node/backfillips backfillNodeIPs
POST /api/v1/debug/node debugCreateNode
POST /api/v1/auth/register authRegister
POST /api/v1/auth/approve authApprove
POST /api/v1/auth/reject authReject
GET /api/v1/policy getPolicy
PUT /api/v1/policy setPolicy
POST /api/v1/policy/check checkPolicy
`;

/** What only this server has. */
const ours = `
GET /api/v1/events events
GET /api/v1/status status
POST /api/v1/node/{nodeId}/ping pingNode
GET /api/v1/auth listLogins
GET /api/v1/doctor doctor
`;

const lines = (text: string): string[] => text.trim().split("\n").sort();

test("the operations served are those that clients know, and ours under a tag of their own", () => {
  const served = operations.map((o) => `${o.method.toUpperCase()} ${o.path} ${o.id}`);
  assert.deepEqual(served.sort(), lines(surface + ours.trimStart()));
  const tagged = operations.filter((o) => o.tag === "hydrascale");
  assert.deepEqual(tagged.map((o) => `${o.method.toUpperCase()} ${o.path} ${o.id}`).sort(), lines(ours));
});

test("the description is public, says 3.1, and names each operation with its parameters and answer", async () => {
  await using api = await startFakeApi();
  const { status, json } = await api.ask("GET", "/api/v1/openapi.json", { key: null });
  assert.equal(status, 200);
  assert.equal(json.openapi, "3.1.0");
  const described: string[] = [];
  for (const [path, methods] of Object.entries<Record<string, Parsed>>(json.paths)) {
    for (const [method, o] of Object.entries(methods)) {
      described.push(`${method.toUpperCase()} ${path} ${o.operationId}`);
      const inPath = o.parameters.filter((p: Parsed) => p.in === "path").map((p: Parsed) => `{${p.name}}`);
      assert.deepEqual(inPath, path.match(/\{\w+\}/g) ?? []);
    }
  }
  assert.deepEqual(described.sort(), lines(surface + ours.trimStart()));
  assert.deepEqual(Object.keys(json.components.schemas.User.properties), [
    "id",
    "name",
    "createdAt",
    "displayName",
    "email",
    "providerId",
    "provider",
    "profilePicUrl",
  ]);
});

test("the YAML says the same as the JSON, and the page needs nothing from elsewhere", async () => {
  await using api = await startFakeApi();
  const json = await api.ask("GET", "/api/v1/openapi.json", { key: null });
  const yaml = await api.ask("GET", "/api/v1/openapi.yaml", { key: null });
  assert.deepEqual(parse(yaml.text), json.json);
  const docs = await api.ask("GET", "/api/v1/docs", { key: null });
  assert.equal(docs.status, 200);
  for (const o of operations) assert.ok(docs.text.includes(`<td>${o.id}</td>`), o.id);
  assert.doesNotMatch(docs.text, /<script|src=|https?:\/\//);
});
