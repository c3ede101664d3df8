// Random small policies over users user1@ … user4@, tags tag:a and tag:b, one group, two hosts and a subnet.

const names = [
  "*",
  "user1@",
  "user2@",
  "user3@",
  "group:crew",
  "tag:a",
  "tag:b",
  "autogroup:member",
  "autogroup:tagged",
  "one",
  "lan",
  "100.64.0.0/29",
  "fd7a:115c:a1e0::2",
];
const ports = ["*", "22", "80,443", "1000-2000"];

/** `pick(n)` gives 0 … n − 1. Undefined: no policy. */
export function randomPolicy(pick: (n: number) => number): string | undefined {
  const one = <T>(from: readonly T[]): T => from[pick(from.length)] as T; // a list that is not empty
  const kind = pick(8);
  if (kind === 0) return undefined;
  if (kind === 1) return "{}";
  const some = <T>(make: () => T): T[] => Array.from({ length: 1 + pick(2) }, make);
  const rules = Array.from({ length: pick(4) }, () => ({
    action: "accept",
    ...(pick(4) === 0 ? { proto: one(["tcp", "udp"]) } : {}),
    src: some(() => one(names)),
    dst: some(() => `${one(names).replace("fd7a:115c:a1e0::2", "[fd7a:115c:a1e0::2]")}:${one(ports)}`),
  }));
  return JSON.stringify({
    groups: { "group:crew": ["user1@", `user${1 + pick(4)}@`] },
    hosts: { one: `100.64.0.${1 + pick(6)}`, lan: "10.1.0.0/16" },
    tagOwners: { "tag:a": ["user1@"], "tag:b": [] },
    acls: rules,
  });
}
