import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineKey } from "@hydrascale/core/domain/ids";
import { silentLog } from "@hydrascale/core/obs/log";
import { FakeResponse } from "@hydrascale/test/support/bench";
import type { Http2Request, Http2Response } from "../http2/port.ts";
import { controlHandler } from "./router.ts";
import type { ControlOptions } from "./router.ts";

/** A handler that breaks down after `before`, at a path where nothing else is looked at. */
async function breaksDown(before: (response: Http2Response) => void): Promise<FakeResponse> {
  const response = new FakeResponse();
  const pings = {
    answered: () => {
      before(response);
      throw new Error("a mistake of ours");
    },
  };
  const options = { pings, log: silentLog } as unknown as ControlOptions;
  const request = { method: "HEAD", path: "/machine/ping-response" } as Http2Request;
  controlHandler(options, "mkey:00" as MachineKey, "192.0.2.1")(request, response);
  await new Promise((resolve) => setImmediate(resolve));
  return response;
}

test("a handler that breaks down before it answered gives a 500", async () => {
  const response = await breaksDown(() => undefined);
  assert.equal(response.status, 500);
  assert.ok(response.ended);
});

test("one that breaks down in the middle of a map sends no text that a client would take for a frame", async () => {
  const response = await breaksDown((r) => r.respond(200));
  assert.ok(response.wasReset);
  assert.deepEqual(response.frames, []);
});
