// The shape of a policy: which keys there are, of which types. What this release does not do yet is refused by name,
// so that no policy is honoured by half.

import { quoted } from "./faults.ts";
import type { Faults } from "./faults.ts";
import { members } from "./hujson.ts";
import type { Member, Tree } from "./hujson.ts";

/** A string and where it stands. */
export interface Word {
  readonly text: string;
  readonly offset: number;
  /** Where, for people: `acls[2].dst`. */
  readonly path: string;
}

export interface AclEntry {
  readonly proto: Word | undefined;
  readonly src: readonly Word[];
  readonly dst: readonly Word[];
}

export interface NamedList {
  readonly name: Word;
  readonly entries: readonly Word[];
}

export interface PolicyDocument {
  /** Undefined: not given, so everything is allowed. */
  readonly acls: readonly AclEntry[] | undefined;
  readonly groups: readonly NamedList[];
  readonly hosts: readonly { readonly name: Word; readonly value: Word }[];
  readonly tagOwners: readonly NamedList[];
}

const supported = ["acls", "groups", "hosts", "tagOwners"] as const;
type Section = (typeof supported)[number];

const later = [
  "grants",
  "ssh",
  "nodeAttrs",
  "autoApprovers",
  "tests",
  "sshTests",
  "randomizeClientPort",
  "postures",
  "defaultSrcPosture",
  "ipsets",
  "derpMap",
  "disableIPv4",
  "OneCGNATRoute",
  "extraDNSRecords",
];
const ruleKeys = ["action", "proto", "src", "dst"];
const laterRuleKeys = ["srcPosture", "users", "ports"];

export function readDocument(root: Tree, faults: Faults): PolicyDocument {
  const sections = new Map<Section, Member>();
  if (root.type !== "object") faults.add(root.offset, "a policy is an object: { … }");
  else for (const member of members(root)) addSection(member, sections, faults);
  const read = new Reader(faults);
  const acls = sections.get("acls");
  return {
    acls: acls && read.rules(acls),
    groups: read.lists(sections.get("groups")),
    hosts: read.hosts(sections.get("hosts")),
    tagOwners: read.lists(sections.get("tagOwners")),
  };
}

/** Names count whatever their case, as headscale reads them. */
function addSection(member: Member, sections: Map<Section, Member>, faults: Faults): void {
  const name = member.name.toLowerCase();
  const section = supported.find((s) => s.toLowerCase() === name);
  if (section === undefined) refuseKey(member, "policy", supported, later, faults);
  else if (sections.has(section)) {
    // The very same name has been reported by the reader.
    if (sections.get(section)?.name !== member.name)
      faults.add(member.offset, `${quoted(member.name)} stands here for the second time`);
  } else sections.set(section, member);
}

function refuseKey(
  { name, offset }: Member,
  where: string,
  known: readonly string[],
  coming: readonly string[],
  faults: Faults,
): void {
  const lower = name.toLowerCase();
  if (coming.some((key) => key.toLowerCase() === lower)) {
    const text = `${quoted(name)} in a ${where} is not supported yet by this release`;
    faults.add(offset, text, `remove it; supported are ${known.join(", ")}`, "unsupported");
    return;
  }
  const near = known.find((key) => key.toLowerCase().startsWith(lower.slice(0, 3)));
  faults.add(
    offset,
    `unknown key ${quoted(name)} in a ${where}${near === undefined ? "" : `, did you mean ${quoted(near)}?`}`,
    `known are ${known.join(", ")}`,
  );
}

class Reader {
  private readonly faults: Faults;

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** An object of lists of strings; null is an empty one, as other programs write it. */
  lists(section: Member | undefined): NamedList[] {
    return this.entries(section).map(({ name, offset, value }) => ({
      name: { text: name, offset, path: section?.name ?? "" },
      entries: this.words(value, `${section?.name}[${quoted(name)}]`),
    }));
  }

  hosts(section: Member | undefined): { name: Word; value: Word }[] {
    return this.entries(section).flatMap(({ name, offset, value }) => {
      const word = this.word(value, `hosts[${quoted(name)}]`);
      return word === undefined ? [] : [{ name: { text: name, offset, path: "hosts" }, value: word }];
    });
  }

  rules(section: Member): AclEntry[] {
    if (section.value.type !== "array") {
      this.faults.add(section.value.offset, '"acls" is a list of rules', 'to allow nothing write "acls": []');
      return [];
    }
    return (section.value.children ?? []).flatMap((tree, index) => this.rule(tree, `acls[${index}]`));
  }

  private rule(tree: Tree, path: string): AclEntry[] {
    if (tree.type !== "object") {
      this.faults.add(tree.offset, `${path} is an object with action, src and dst`);
      return [];
    }
    const found = new Map<string, Member>();
    for (const member of members(tree)) {
      if (member.name.startsWith("#")) continue; // notes that user interfaces keep there
      const name = member.name.toLowerCase();
      if (!ruleKeys.includes(name)) refuseKey(member, "rule", ruleKeys, laterRuleKeys, this.faults);
      else if (found.has(name)) {
        if (found.get(name)?.name !== member.name)
          this.faults.add(member.offset, `${path}: ${quoted(member.name)} stands here for the second time`);
      } else found.set(name, member);
    }
    for (const name of ["action", "src", "dst"])
      if (!found.has(name)) this.faults.add(tree.offset, `${path} has no ${quoted(name)}`);
    const action = this.optional(found.get("action"), `${path}.action`);
    if (action !== undefined && action.text !== "accept")
      this.faults.add(action.offset, `${path}.action is ${quoted(action.text)}; the only action is "accept"`);
    const src = found.get("src");
    const dst = found.get("dst");
    return [
      {
        proto: this.optional(found.get("proto"), `${path}.proto`),
        src: src === undefined ? [] : this.words(src.value, `${path}.src`),
        dst: dst === undefined ? [] : this.words(dst.value, `${path}.dst`),
      },
    ];
  }

  private entries(section: Member | undefined): readonly Member[] {
    if (section === undefined || section.value.type === "null") return [];
    if (section.value.type === "object") return members(section.value);
    this.faults.add(section.value.offset, `${quoted(section.name)} is an object: { … }`);
    return [];
  }

  private words(tree: Tree, path: string): Word[] {
    if (tree.type !== "array") {
      this.faults.add(tree.offset, `${path} is a list of strings`);
      return [];
    }
    return (tree.children ?? []).flatMap((child) => this.word(child, path) ?? []);
  }

  private optional(member: Member | undefined, path: string): Word | undefined {
    return member && this.word(member.value, path);
  }

  private word(tree: Tree, path: string): Word | undefined {
    if (tree.type === "string") return { text: String(tree.value), offset: tree.offset, path };
    this.faults.add(tree.offset, `${path}: expected a string`);
    return undefined;
  }
}
