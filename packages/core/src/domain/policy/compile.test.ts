import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { UserId } from "../ids.ts";
import type { User } from "../directory/state.ts";
import { compilePolicy } from "./compile.ts";
import type { Subject } from "./compiled.ts";

const user = (name: string, email = ""): User => ({
  id: 1 as UserId,
  name,
  displayName: "",
  email,
  provider: "",
  providerId: "",
  profilePicUrl: "",
  createdAt: 0,
});

const node = (more: Partial<Subject> = {}): Subject => ({
  addresses: ["100.64.0.9", "fd7a:115c:a1e0::9"],
  routes: [],
  tags: [],
  user: undefined,
  ...more,
});

function good(text: string) {
  const result = compilePolicy(text);
  assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.error));
  return result.value;
}

function bad(text: string): string[] {
  const result = compilePolicy(text);
  assert.ok(!result.ok, `accepted: ${text}`);
  return result.error.map((p) => p.message);
}

/** A policy with one rule. */
const rule = (dst: string, more = ""): string =>
  `{"hosts": {"six": "fd7a:115c:a1e0::9/128"}, "tagOwners": {"tag:web": []},
    "acls": [{"action": "accept", ${more}"src": ["*"], "dst": [${JSON.stringify(dst)}]}]}`;

describe("policy", () => {
  test("absent rules allow all, an empty list nothing, and an empty text is refused", () => {
    assert.equal(good("{}").rules.open, true);
    assert.equal(good('{"groups": {}}').rules.open, true);
    assert.deepEqual(good('{"acls": []}').rules.rules, []);
    for (const text of ["", "  \n", "// nothing yet\n"]) assert.match(bad(text)[0]!, /the policy is empty/);
    assert.match(bad('{"acls": null}')[0]!, /list of rules/);
  });

  test("the four ways to write a v6 destination mean the same address", () => {
    for (const [dst, ports] of [
      ["[fd7a:115c:a1e0::9]:80,443", 2],
      ["fd7a:115c:a1e0::9:443", 1],
      ["fd7a:115c:a1e0::9/128:443", 1],
      ["six:443", 1],
      ["[fd7a:115c:a1e0::9]:*", 1],
    ] as const) {
      const { rules } = good(rule(dst));
      const target = rules.rules[0]!.targets[0]!;
      assert.equal(target.ports.length, ports);
      assert.deepEqual(rules.covers(target.selector, node()), ["fd7a:115c:a1e0::9"], dst);
    }
  });

  test("missing, zero, reversed and too large ports are refused with rule and text", () => {
    for (const dst of [
      "100.64.0.9",
      "100.64.0.9:0",
      "100.64.0.9:90-80",
      "100.64.0.9:65536",
      "tag:web",
      "fd7a:115c:a1e0::9",
      "*",
    ]) {
      const [message] = bad(rule(dst));
      assert.ok(message?.includes("acls[0].dst") && message.includes(dst), message);
    }
    assert.deepEqual(good(rule("100.64.0.9:1-65535")).rules.rules[0]!.targets[0]!.ports, [
      { First: 1, Last: 65535 },
    ]);
  });

  test("protocol numbers equal names, and protocols without ports take none", () => {
    assert.deepEqual(good(rule("*:443", '"proto": "6", ')).rules.rules[0]!.protocols, [6]);
    assert.deepEqual(good(rule("*:*", '"proto": "icmp", ')).rules.rules[0]!.protocols, [1, 58]);
    for (const proto of ["icmp", "1", "*", "06", "256", "nope"])
      assert.equal(bad(rule("*:443", `"proto": "${proto}", `)).length, 1, proto);
  });

  test("decorated files are read, broken names are refused with their place", () => {
    good(
      '\uFEFF{\r\n  "acls": [{"#ui-meta": {"name": "x", "open": true}, "action": "accept", "src": ["*"], "dst": ["*:*",],},],\r\n}',
    );
    assert.match(bad('{\n  "tagOwners": {"tag:web:*": []}}')[0]!, /^policy 2:17: .*tag:web:\*/);
    for (const text of [
      '{"tagOwners": {"tag:Web_1": []}}',
      '{"tagOwners": {"tag:": []}}',
      '{"groups": {"group:/Everyone": []}}',
      '{"groups": {"group:a": ["group:b"], "group:b": []}}',
      '{"groups": {"group:a": []}, "groups": {}}',
      '{"groups": {"group:a": [], "group:a": []}}',
      '{"acls": [{"action": "accept", "src": ["mira"], "dst": ["*:*"]}]}',
    ])
      assert.equal(bad(text).length, 1, text);
  });

  test("what waits for a later release is refused by name, and misspellings get a suggestion", () => {
    assert.match(bad('{"grants": []}')[0]!, /"grants" in a policy is not supported yet/);
    assert.match(bad('{"ssh": []}')[0]!, /not supported yet/);
    assert.match(bad('{"acl": []}')[0]!, /did you mean "acls"/);
    for (const name of ["self", "internet", "danger-all"])
      assert.match(bad(rule(`autogroup:${name}:*`))[0]!, /not supported yet/);
    assert.match(bad(rule("autogroup:nobody:*"))[0]!, /no such autogroup/);
  });

  test("all problems come at once, in the order of the text", () => {
    const found = bad(
      '{\n"nope": 1,\n"hosts": {"a": "1.2.3"},\n"acls": [{"action": "deny", "src": [1], "dst": ["tag:x:1"]}]}',
    );
    assert.deepEqual(
      found.map((m) => /^policy (\d+):/.exec(m)?.[1]),
      ["2", "3", "4", "4", "4"],
    );
  });

  test("members of a group who do not exist match nothing, the others count", () => {
    const { rules } = good(
      '{"groups": {"group:crew": ["mira@", "notyet@corp.example"]}, "acls": [{"action": "accept", "src": ["group:crew"], "dst": ["*:*"]}]}',
    );
    assert.equal(rules.memberOf(node({ user: user("mira") })).length, 2);
    assert.equal(rules.memberOf(node({ user: user("x", "NotYet@corp.example") })).length, 2);
    assert.equal(rules.memberOf(node({ user: user("otto") })).length, 1);
  });

  test("a prefix means the addresses inside it and the routes that overlap it, each no wider than the other", () => {
    const covered = (prefix: string, routes: string[]) => {
      const { rules } = good(rule(`${prefix}:*`));
      const { selector } = rules.rules[0]!.targets[0]!;
      return {
        in: rules.memberOf(node({ routes })).includes(selector),
        ips: rules.covers(selector, node({ routes })),
      };
    };
    assert.deepEqual(covered("10.0.0.0/8", ["10.1.0.0/16"]), { in: true, ips: ["10.1.0.0/16"] });
    assert.deepEqual(covered("10.1.2.0/24", ["10.1.0.0/16"]), { in: true, ips: ["10.1.2.0/24"] });
    assert.deepEqual(covered("10.0.0.7/8", []), { in: false, ips: [] });
    assert.deepEqual(covered("100.64.0.0/24", []), { in: true, ips: ["100.64.0.9"] });
  });

  test("tags are owned by users, groups and tags, and never in a circle", () => {
    const policy = good(
      '{"groups": {"group:ops": ["otto@"]}, "tagOwners": {"tag:a": ["mira@"], "tag:b": ["tag:a", "group:ops"], "tag:c": [], "tag:d": ["autogroup:member"]}}',
    );
    assert.deepEqual(
      ["tag:a", "tag:b", "tag:c", "tag:d"].map((t) => policy.mayTag(user("mira"), t)),
      [true, true, false, true],
    );
    assert.equal(policy.mayTag(user("otto"), "tag:b"), true);
    assert.equal(policy.mayTag(user("otto"), "tag:a"), false);
    assert.equal(policy.tagExists("tag:z"), false);
    assert.match(bad('{"tagOwners": {"tag:a": ["tag:b"], "tag:b": ["tag:a"]}}')[0]!, /circle/);
    assert.match(bad('{"tagOwners": {"tag:a": ["tag:a"]}}')[0]!, /circle/);
  });

  test("hostile texts are refused, not fatal", () => {
    assert.match(bad("[".repeat(100_000))[0]!, /nested deeper/);
    const chain = Array.from({ length: 5000 }, (_, i) => `"tag:t${i}": ["tag:t${i + 1}"]`).join();
    assert.ok(bad(`{"tagOwners": {${chain}}}`).length <= 50);
    assert.match(bad(" ".repeat(3 * 1024 * 1024))[0]!, /longer than/);
  });
});
