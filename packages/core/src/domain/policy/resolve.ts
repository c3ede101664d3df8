// Names in a policy → selectors: users, groups, tags, hosts, autogroups, addresses. A user who does not exist (yet)
// matches nobody, and counts from the moment that the user exists; every other name must be defined.

import { formatAddr, formatPrefix, masked, parseAddr, parsePrefix } from "../../lib/ip.ts";
import { isTag } from "../directory/canonical.ts";
import type { Selector } from "./compiled.ts";
import { quoted } from "./faults.ts";
import type { Faults } from "./faults.ts";
import type { PolicyDocument, Word } from "./schema.ts";

const groupName = /^group:[\p{L}\p{N}][\p{L}\p{N}._+-]*$/u;
const hostName = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u;
/** One "@" with something before it. */
const userName = /^[^@\s]+@[^@\s]*$/;
const laterAutogroups = [
  "self",
  "internet",
  "nonroot",
  "danger-all",
  "admin",
  "owner",
  "it-admin",
  "network-admin",
  "billing-admin",
  "auditor",
  "shared",
];

/** Of tags that own tags; followed recursively. */
const LONGEST_CHAIN = 64;

/** Users are compared without regard to case; e-mail addresses are written either way. */
export const userToken = (name: string): string => name.toLowerCase();

/** Tag owners, flattened over groups and tags that own tags. */
export interface TagOwners {
  readonly tokens: ReadonlySet<string>;
  readonly everyMember: boolean;
}

export class Names {
  private readonly faults: Faults;
  private readonly groups = new Map<string, readonly string[]>();
  private readonly hosts = new Map<string, string>();
  private readonly owners = new Map<string, readonly Word[]>();

  constructor(document: PolicyDocument, faults: Faults) {
    this.faults = faults;
    for (const { name, entries } of document.groups) this.addGroup(name, entries);
    for (const { name, value } of document.hosts) this.addHost(name, value);
    for (const { name, entries } of document.tagOwners)
      if (this.checkTag(name)) this.owners.set(name.text, entries);
  }

  /** A source, or a destination without its ports. */
  selector(word: Word): Selector | undefined {
    const { text } = word;
    if (text === "*") return { kind: "any" };
    if (text.startsWith("group:")) {
      const names = this.groups.get(text);
      return names === undefined ? this.fault(word, "no such group") : { kind: "users", names };
    }
    if (text.startsWith("tag:")) {
      if (!this.checkTag(word)) return undefined;
      return this.owners.has(text)
        ? { kind: "tag", tag: text }
        : this.fault(
            word,
            "no such tag",
            "define it in tagOwners; an empty list there means administrators only",
          );
    }
    if (text.startsWith("autogroup:")) return this.autogroup(word);
    if (/^(?:svc|ipset):/.test(text)) return this.fault(word, "not supported yet by this release");
    if (text.includes("@"))
      return userName.test(text)
        ? { kind: "users", names: [userToken(text)] }
        : this.fault(word, "not a user: write name@ or an e-mail address");
    const prefix = this.hosts.get(text) ?? readPrefix(text);
    if (prefix !== undefined) return { kind: "prefix", prefix };
    const hint = hostName.test(text)
      ? `a user is written ${text.slice(0, 40)}@, a host is defined in hosts`
      : undefined;
    return this.fault(word, "no user, group, tag, host, address or prefix", hint);
  }

  /** Who may give which tag. Cycles are faults. */
  tagOwners(): ReadonlyMap<string, TagOwners> {
    const done = new Map<string, TagOwners>();
    for (const tag of this.owners.keys()) this.flatten(tag, [], done);
    return done;
  }

  private addGroup(name: Word, entries: readonly Word[]): void {
    if (!groupName.test(name.text)) {
      this.fault(name, 'a group is named "group:" and letters, digits, ".", "_", "+" or "-"');
      return;
    }
    const users: string[] = [];
    for (const entry of entries) {
      if (entry.text.startsWith("group:")) this.fault(entry, "a group cannot hold another group");
      else if (!userName.test(entry.text) || /^(?:tag|autogroup|svc):/.test(entry.text))
        this.fault(entry, "a group holds users: name@ or e-mail addresses");
      else users.push(userToken(entry.text));
    }
    this.groups.set(name.text, users);
  }

  private addHost(name: Word, value: Word): void {
    const prefix = readPrefix(value.text);
    if (!hostName.test(name.text) || readPrefix(name.text) !== undefined)
      this.fault(name, 'a host is named by letters, digits, ".", "_" or "-", and is not an address');
    else if (prefix === undefined) this.fault(value, "a host is an IP address or a prefix");
    else this.hosts.set(name.text, prefix);
  }

  private checkTag(word: Word): boolean {
    if (isTag(word.text)) return true;
    const hint = word.text.split(":").length > 2 ? "ports belong to dst only" : undefined;
    this.fault(word, 'a tag is "tag:", a letter, then letters, digits or "-"', hint);
    return false;
  }

  private autogroup(word: Word): Selector | undefined {
    const name = word.text.slice("autogroup:".length);
    if (name === "member" || name === "members") return { kind: "member" };
    if (name === "tagged") return { kind: "tagged" };
    return laterAutogroups.includes(name)
      ? this.fault(
          word,
          "not supported yet by this release",
          "supported are autogroup:member and autogroup:tagged",
        )
      : this.fault(word, "no such autogroup", "known are autogroup:member and autogroup:tagged");
  }

  private flatten(tag: string, path: readonly string[], done: Map<string, TagOwners>): TagOwners {
    const ready = done.get(tag);
    if (ready !== undefined) return ready;
    const trail = [...path, tag];
    const tokens = new Set<string>();
    let everyMember = false;
    for (const word of this.owners.get(tag) ?? []) {
      const owner = word.text.startsWith("tag:") ? this.owningTag(word, trail, done) : this.owningUsers(word);
      for (const token of owner?.tokens ?? []) tokens.add(token);
      everyMember ||= owner?.everyMember ?? false;
    }
    const owners = { tokens, everyMember };
    done.set(tag, owners);
    return owners;
  }

  private owningTag(
    word: Word,
    trail: readonly string[],
    done: Map<string, TagOwners>,
  ): TagOwners | undefined {
    if (!this.checkTag(word)) return undefined;
    if (!this.owners.has(word.text)) return this.fault(word, "no such tag in tagOwners");
    if (trail.includes(word.text))
      return this.fault(
        word,
        `tags own each other in a circle: ${[...trail, word.text].slice(-10).join(" → ")}`,
      );
    if (trail.length >= LONGEST_CHAIN)
      return this.fault(word, `tags own each other over more than ${LONGEST_CHAIN} steps`);
    return this.flatten(word.text, trail, done);
  }

  private owningUsers(word: Word): TagOwners | undefined {
    const what = "a tag is owned by users, groups, tags or autogroup:member";
    const selector = word.text === "*" ? undefined : this.selector(word);
    if (selector?.kind === "users") return { tokens: new Set(selector.names), everyMember: false };
    if (selector?.kind === "member") return { tokens: new Set(), everyMember: true };
    return selector !== undefined || word.text === "*" ? this.fault(word, what) : undefined;
  }

  private fault(word: Word, message: string, hint?: string): undefined {
    this.faults.add(word.offset, `${word.path}: ${quoted(word.text)}: ${message}`, hint);
    return undefined;
  }
}

/** As packet filters spell it: an address bare, a prefix without host bits (clients skip entries that have some). */
function readPrefix(text: string): string | undefined {
  const addr = parseAddr(text);
  if (addr !== undefined) return addr.zone === undefined ? formatAddr(addr) : undefined;
  const prefix = parsePrefix(text);
  if (prefix === undefined) return undefined;
  const plain = masked(prefix);
  return plain.bits === (plain.addr.family === 4 ? 32 : 128) ? formatAddr(plain.addr) : formatPrefix(plain);
}
