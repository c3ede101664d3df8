import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError, problem } from "../lib/errors.ts";
import type { ErrorCode } from "../lib/errors.ts";
import { appendExpecting } from "./append.ts";
import { refusals } from "./codes.ts";
import type { NatsLink } from "./connect.ts";
import type { StreamSource } from "./feed.ts";

type Answer = object | ErrorCode;

/** A connection that gives one answer, and a leader that knows the subject's last sequence. */
async function outcomeOf(
  answer: Answer,
  size = 10,
  leader: () => Promise<{ seq: number } | undefined> = async () => undefined,
) {
  const link = {
    maxPayload: 1024 * 1024,
    request: async () => {
      if (typeof answer === "string") throw new ProblemError(problem(answer, "no answer"));
      return { subject: "_INBOX.x", string: () => JSON.stringify(answer) };
    },
  } as unknown as NatsLink;
  const source = { last: leader } as unknown as StreamSource;
  return appendExpecting(link, source, { subject: "evt.a", expected: 3, data: new Uint8Array(size) });
}

const failure = (errCode: number, description = "") => ({
  type: "io.nats.jetstream.api.v1.pub_ack_response",
  error: { code: 400, err_code: errCode, description },
});

test("an ack is stored, and an ack without a sequence proves nothing", async () => {
  assert.deepEqual(await outcomeOf({ stream: "EVT", seq: 4 }), { kind: "stored", seq: 4 });
  assert.equal((await outcomeOf({ stream: "EVT" })).kind, "unknown");
  assert.equal((await outcomeOf([])).kind, "unknown");
});

test("10071 names the last sequence, from its text or else from the leader", async () => {
  assert.deepEqual(await outcomeOf(failure(10071, "wrong last sequence: 17")), {
    kind: "conflict",
    lastSeq: 17,
  });
  assert.deepEqual(await outcomeOf(failure(10071, "wrong last sequence: 0")), {
    kind: "conflict",
    lastSeq: 0,
  });
  assert.deepEqual(await outcomeOf(failure(10071, "something new"), 10, async () => ({ seq: 9 })), {
    kind: "conflict",
    lastSeq: 9,
  });
  const unreachable = await outcomeOf(failure(10071, "something new"), 10, async () => {
    throw new ProblemError(problem("unavailable", "nobody answers"));
  });
  assert.equal(unreachable.kind, "unknown");
});

test("10164 is busy, a resource error is refused for now, a sealed stream for good", async () => {
  assert.deepEqual(await outcomeOf(failure(10164)), { kind: "busy" });
  for (const code of [10023, 10047, 10077, 10167]) {
    const outcome = await outcomeOf(failure(code));
    assert.deepEqual(outcome, { kind: "refused", ...refusals.get(code) });
    assert.equal(outcome.kind === "refused" && outcome.retry, true, String(code));
  }
  const sealed = await outcomeOf(failure(10109));
  assert.equal(sealed.kind === "refused" && sealed.retry, false);
});

test("no answer, no responders and codes nobody has heard of are unknown; no permission is refused", async () => {
  assert.equal((await outcomeOf("unavailable")).kind, "unknown");
  assert.equal((await outcomeOf(failure(19999))).kind, "unknown");
  const denied = await outcomeOf("forbidden");
  assert.equal(denied.kind === "refused" && denied.retry, false);
  const large = await outcomeOf({ seq: 1 }, 1024 * 1024);
  assert.equal(large.kind === "refused" && large.retry, false);
});
