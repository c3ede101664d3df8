// Policy text → rules over selectors. All that is wrong is reported at once, with line and column; nothing that this
// release cannot do is honoured in part. No acls = everything is allowed; an empty list = nothing is.

import { err, ok } from "../../lib/result.ts";
import type { Result } from "../../lib/result.ts";
import type { Problem } from "../../lib/errors.ts";
import type { User } from "../directory/state.ts";
import { openPolicy } from "./compiled.ts";
import type { CompiledPolicy, PortRange, Rule, RuleTarget, Selector, SelectorId } from "./compiled.ts";
import { Faults, quoted } from "./faults.ts";
import { parseHujson } from "./hujson.ts";
import { Membership, userTokens } from "./membership.ts";
import { hasPorts, parsePorts, parseProtocol } from "./ports.ts";
import { Names } from "./resolve.ts";
import type { TagOwners } from "./resolve.ts";
import { readDocument } from "./schema.ts";
import type { AclEntry, Word } from "./schema.ts";

export interface Policy {
  readonly rules: CompiledPolicy;
  tagExists(tag: string): boolean;
  mayTag(user: User, tag: string): boolean;
}

export function compilePolicy(text: string): Result<Policy, readonly Problem[]> {
  const faults = new Faults(text);
  const root = parseHujson(text, faults);
  if (root === undefined) return err(faults.problems());
  const document = readDocument(root, faults);
  const names = new Names(document, faults);
  const builder = new RuleBuilder(names, faults);
  const rules = document.acls?.flatMap((entry, index) => builder.rule(entry, `acls[${index}]`));
  const owners = names.tagOwners();
  if (faults.any) return err(faults.problems());
  return ok({
    rules: rules === undefined ? openPolicy : compiled(builder.selectors, rules),
    tagExists: (tag) => owners.has(tag),
    mayTag: (user, tag) => owns(owners.get(tag), user),
  });
}

function compiled(selectors: readonly Selector[], rules: readonly Rule[]): CompiledPolicy {
  const membership = new Membership(selectors);
  return {
    selectors,
    rules,
    open: false,
    memberOf: (subject) => membership.memberOf(subject),
    covers: (selector, subject) => membership.covers(selector, subject),
  };
}

function owns(owners: TagOwners | undefined, user: User): boolean {
  if (owners === undefined) return false;
  return owners.everyMember || userTokens(user).some((token) => owners.tokens.has(token));
}

class RuleBuilder {
  readonly selectors: Selector[] = [];
  private readonly names: Names;
  private readonly faults: Faults;
  private readonly ids = new Map<string, SelectorId>();

  constructor(names: Names, faults: Faults) {
    this.names = names;
    this.faults = faults;
  }

  rule(entry: AclEntry, path: string): Rule[] {
    const protocols = parseProtocol(entry.proto?.text);
    if (typeof protocols === "string") {
      this.faults.add(entry.proto?.offset ?? 0, `${path}.proto: ${protocols}`);
      return [];
    }
    const sources = entry.src.flatMap((word) => this.selector(word) ?? []);
    const targets = entry.dst.flatMap((word) => this.target(word, protocols) ?? []);
    if (sources.length === 0 || targets.length === 0) return [];
    return [{ sources: this.withoutCovered(sources), targets, protocols }];
  }

  private target(word: Word, protocols: readonly number[]): RuleTarget | undefined {
    const colon = word.text.lastIndexOf(":");
    const name = word.text.slice(0, Math.max(colon, 0));
    const ports = parsePorts(word.text.slice(colon + 1));
    if (colon <= 0 || isCutShort(name) || (typeof ports === "string" && isBareName(word.text)))
      return this.fault(word, "a destination needs ports", `for all ports write ${quoted(`${word.text}:*`)}`);
    if (typeof ports === "string") return this.fault(word, ports);
    if (!hasPorts(protocols) && !isAll(ports))
      return this.fault(word, 'this protocol has no ports: write ":*"');
    const selector = this.selector({ ...word, text: unbracketed(name) });
    return selector === undefined ? undefined : { selector, ports };
  }

  private selector(word: Word): SelectorId | undefined {
    const selector = this.names.selector(word);
    if (selector === undefined) return undefined;
    const key = JSON.stringify(selector);
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.selectors.push(selector) - 1;
      this.ids.set(key, id);
    }
    return id;
  }

  /** `*` stands for every node; only literal prefixes can add to it. */
  private withoutCovered(sources: readonly SelectorId[]): readonly SelectorId[] {
    const unique = [...new Set(sources)];
    if (!unique.some((s) => this.selectors[s]?.kind === "any")) return unique;
    return unique.filter((s) => ["any", "prefix"].includes(this.selectors[s]?.kind ?? ""));
  }

  private fault(word: Word, message: string, hint?: string): undefined {
    this.faults.add(word.offset, `${word.path}: ${quoted(word.text)}: ${message}`, hint);
    return undefined;
  }
}

/** `[fd7a::1]` → `fd7a::1`. */
const unbracketed = (text: string): string => (/^\[[^[\]]*:[^[\]]*\]$/.test(text) ? text.slice(1, -1) : text);

/** What stands behind the colon belongs to the name: `tag:web`, `group:x`. */
const isBareName = (text: string): boolean => /^(?:tag|group|autogroup):[^:]*$/.test(text);

/** An IPv6 address from which the ports were cut, though it had none: `fd7a::9`. */
const isCutShort = (text: string): boolean => text.endsWith(":");

const isAll = (ports: readonly PortRange[]): boolean => ports.every((p) => p.First === 0 && p.Last === 65535);
