// Which selectors a node belongs to. Users and tags are looked up, so that cost follows what the node matches; only
// prefixes are tried one by one.

import { contains, formatPrefix, hostPrefix, overlaps, parseAddr, parsePrefix } from "../../lib/ip.ts";
import type { Addr, Prefix } from "../../lib/ip.ts";
import type { User } from "../directory/state.ts";
import type { CompiledPolicy, Selector, SelectorId, Subject } from "./compiled.ts";
import { userToken } from "./resolve.ts";

/** How a policy may name the user. */
export function userTokens(user: User): readonly string[] {
  const tokens = [`${user.name}@`];
  if (user.name.includes("@")) tokens.push(user.name);
  if (user.email !== "") tokens.push(user.email);
  if (user.providerId !== "") tokens.push(user.providerId);
  return tokens.map(userToken);
}

const readPrefix = (text: string): Prefix | undefined => {
  const addr = parseAddr(text);
  return addr === undefined ? parsePrefix(text) : hostPrefix(addr);
};

export class Membership implements Pick<CompiledPolicy, "memberOf" | "covers"> {
  private readonly selectors: readonly Selector[];
  private readonly always: SelectorId[] = [];
  private readonly member: SelectorId[] = [];
  private readonly tagged: SelectorId[] = [];
  private readonly byUser = new Map<string, SelectorId[]>();
  private readonly byTag = new Map<string, SelectorId[]>();
  private readonly prefixes = new Map<SelectorId, Prefix>();

  constructor(selectors: readonly Selector[]) {
    this.selectors = selectors;
    selectors.forEach((selector, id) => this.index(selector, id));
  }

  memberOf(subject: Subject): readonly SelectorId[] {
    const found = new Set<SelectorId>(this.always);
    const { user, tags } = subject;
    for (const id of tags.length > 0 ? this.tagged : this.member) found.add(id);
    if (user !== undefined)
      for (const token of userTokens(user)) for (const id of this.byUser.get(token) ?? []) found.add(id);
    for (const tag of tags) for (const id of this.byTag.get(tag) ?? []) found.add(id);
    if (this.prefixes.size > 0) this.addPrefixes(subject, found);
    return [...found].sort((a, b) => a - b);
  }

  covers(id: SelectorId, subject: Subject): readonly string[] {
    const selector = this.selectors[id];
    if (selector === undefined) return [];
    if (selector.kind === "any") return ["*"];
    const prefix = this.prefixes.get(id);
    if (prefix === undefined) return subject.addresses;
    const own = subject.addresses.filter((a) => within(prefix, parseAddr(a)));
    const routed = subject.routes.flatMap((text) => {
      const route = parsePrefix(text);
      if (route === undefined || !overlaps(prefix, route)) return [];
      return [prefix.bits <= route.bits ? formatPrefix(route) : formatPrefix(prefix)]; // the narrower
    });
    return [...new Set([...own, ...routed])];
  }

  private addPrefixes(subject: Subject, found: Set<SelectorId>): void {
    const addresses = subject.addresses.map(parseAddr);
    const routes = subject.routes.flatMap((r) => parsePrefix(r) ?? []);
    for (const [id, prefix] of this.prefixes)
      if (addresses.some((a) => within(prefix, a)) || routes.some((r) => overlaps(prefix, r))) found.add(id);
  }

  private index(selector: Selector, id: SelectorId): void {
    switch (selector.kind) {
      case "any":
        this.always.push(id);
        break;
      case "member":
        this.member.push(id);
        break;
      case "tagged":
        this.tagged.push(id);
        break;
      case "tag":
        put(this.byTag, selector.tag, id);
        break;
      case "users":
        for (const name of selector.names) put(this.byUser, name, id);
        break;
      case "prefix": {
        const prefix = readPrefix(selector.prefix);
        if (prefix !== undefined) this.prefixes.set(id, prefix);
        break;
      }
    }
  }
}

const within = (prefix: Prefix, addr: Addr | undefined): boolean =>
  addr !== undefined && contains(prefix, addr);

function put(map: Map<string, SelectorId[]>, key: string, id: SelectorId): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [id]);
  else list.push(id);
}
