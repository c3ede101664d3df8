// A checker that finds nothing is worth as much as its ability to find something.

import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "./history.ts";
import type { Change, Outcome } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { judgeHistory } from "./verdict.ts";

type Event = { readonly kind: string; readonly [field: string]: unknown };
type Step = readonly [decision: string, ...events: Event[]];

const user = (id: number, name: string): Event => ({ kind: "UserCreated", user: id, name });
const key = (id: number, reusable: boolean): Event => ({
  kind: "PreAuthKeyCreated",
  key: id,
  user: 1,
  reusable,
  expiry: null,
});
const used = (id: number): Event => ({ kind: "PreAuthKeyUsed", key: id, node: 1 });
const node = (id: number, change: object = {}): Event => ({
  kind: "NodeRegistered",
  node: id,
  machineKey: `mkey:${id}`,
  nodeKey: `nodekey:${id}`,
  user: 1,
  name: `host-${id}`,
  addresses: { v4: `100.64.0.${id}` },
  ...change,
});
const deleted = (id: number): Event => ({ kind: "NodeDeleted", node: id });

interface Written {
  readonly seq: number;
  readonly epoch?: string;
  readonly prev: { readonly seq: number; readonly id: string };
  readonly steps: readonly Step[];
}

const record = ({ seq, epoch = "e", prev, steps }: Written) => ({
  seq,
  subject: "evt.main",
  data: Buffer.from(
    JSON.stringify({
      epoch,
      prev,
      id: `m${seq}`,
      decisions: steps.map(([id, ...events]) => ({ id, at: seq, events })),
    }),
  ),
});

/** One message for each step, chained as they should be. */
function log(...steps: readonly Step[]): Ledger {
  const ledger = new Ledger();
  steps.forEach((step, n) => {
    const prev = n === 0 ? { seq: 0, id: "" } : { seq: n, id: `m${n}` };
    ledger.take(record({ seq: n + 1, prev, steps: [step] }));
  });
  return ledger;
}

const whole: readonly Step[] = [
  ["a", user(1, "ada")],
  ["b", key(1, false), key(2, true)],
  ["c", node(1), used(1)],
  ["d", { kind: "NodeRenamed", node: 1, name: "web" }],
  ["e", deleted(1)],
  ["f", node(2, { name: "web", addresses: { v4: "100.64.0.1" } }), used(2)],
];

test("a log in which all is as promised has no violations, names and addresses of the deleted used again", () => {
  assert.deepEqual(log(...whole).violations, []);
});

for (const [what, step, expected] of [
  ["a decision twice", ["c", user(9, "x")], /decision c again/],
  ["an address twice", ["z", node(3, { addresses: { v4: "100.64.0.1" } })], /address 100\.64\.0\.1 twice/],
  ["a label twice", ["z", node(3, { name: "web" })], /label web twice/],
  [
    "a label taken by renaming",
    ["z", node(3), { kind: "NodeRenamed", node: 3, name: "web" }],
    /label web twice/,
  ],
  ["a user's name twice", ["z", user(2, "ada")], /user name ada twice/],
  ["a one-shot key used again", ["z", node(3), used(1)], /one-shot key 1 again/],
  [
    "a deleted node's id again",
    ["z", node(1, { addresses: { v4: "100.64.0.9" } })],
    /node 1 was deleted and is there again/,
  ],
  [
    "a change to a deleted node",
    ["z", { kind: "NodeTagged", node: 1, tags: [] }],
    /node 1, which is not there/,
  ],
  ["the same node deleted twice", ["z", deleted(1)], /deletes node 1, which is not there/],
  ["a user deleted from under a node", ["z", { kind: "UserDeleted", user: 1 }], /owns node 2/],
] satisfies [string, Step, RegExp][])
  test(`the ledger finds ${what}`, () => {
    const { violations } = log(...whole, step);
    assert.equal(violations.length, 1, JSON.stringify(violations));
    assert.match(violations[0] ?? "", expected);
  });

for (const [what, written, expected] of [
  ["a hole", { seq: 3, prev: { seq: 1, id: "m1" }, steps: [["z", user(2, "x")]] }, /has a hole/],
  [
    "another predecessor",
    { seq: 2, prev: { seq: 1, id: "other" }, steps: [["z", user(2, "x")]] },
    /predecessor/,
  ],
  [
    "another epoch",
    { seq: 2, epoch: "f", prev: { seq: 1, id: "m1" }, steps: [["z", user(2, "x")]] },
    /epoch f/,
  ],
  [
    "a past that changed",
    { seq: 1, prev: { seq: 0, id: "" }, steps: [["a", user(1, "eve")]] },
    /something else/,
  ],
] satisfies [string, Written, RegExp][])
  test(`the ledger finds ${what}`, () => {
    const ledger = log(["a", user(1, "ada")]);
    ledger.take(record(written));
    assert.match(ledger.violations[0] ?? "", expected);
  });

for (const [what, change, outcome, expected] of [
  [
    "an acknowledged change that is missing",
    { kind: "delete-user", user: 1 },
    { kind: "ok", made: undefined },
    /not in the log/,
  ],
  ["a registration that is missing", register("mkey:9"), { kind: "ok", made: undefined }, /not in the log/],
  [
    "a refused registration that is there",
    register("mkey:1"),
    { kind: "fail", reason: "no" },
    /but in the log/,
  ],
] satisfies [string, Change, Outcome, RegExp][])
  test(`the verdict finds ${what}`, () => {
    const history = new History();
    history.begin("never", change).outcome = outcome;
    const wrong = judgeHistory(history, log(...whole));
    assert.equal(wrong.length, 1);
    assert.match(wrong[0] ?? "", expected);
  });

test("the verdict finds a change that is in the log as another one, and takes an unknown one either way", () => {
  const history = new History();
  history.begin("d", { kind: "rename-node", node: 1, name: "db" }).outcome = { kind: "ok", made: undefined };
  history.begin("e", { kind: "delete-node", node: 1 }).outcome = { kind: "unknown" };
  history.begin("never", { kind: "delete-node", node: 1 }).outcome = { kind: "unknown" };
  assert.deepEqual(judgeHistory(history, log(...whole)), ["rename-node d: is in the log as something else"]);
});

function register(machineKey: string): Change {
  return { kind: "register", machineKey, nodeKey: "nodekey:1", key: 1 };
}
