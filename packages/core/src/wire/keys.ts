// Key texts (protocol 3.2): `<prefix><64 hex>`. Either case is read, lower case is given. The zero key is a legal
// text that means "absent". A private key's text is for the state folder only and has its own pair of functions.

import type { DiscoKey, MachineKey, NodeKey } from "../domain/ids.ts";
import { fromHex, toHex } from "../lib/bytes.ts";
import { problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";

export const MACHINE_PREFIX = "mkey:";
export const NODE_PREFIX = "nodekey:";
export const DISCO_PREFIX = "discokey:";
export const LOCK_PREFIX = "nlpub:";
export const PRIVATE_PREFIX = "privkey:";

const rawBytes = 32;
const zeroHex = "0".repeat(rawBytes * 2);

const parse = (prefix: string, text: string): Result<string, Problem> => {
  const bad = (why: string) => err(problem("invalid", `${prefix.slice(0, -1)}: ${why}`));
  if (!text.startsWith(prefix)) return bad(`does not start with ${prefix}`);
  if (text.length !== prefix.length + rawBytes * 2) return bad(`is not ${rawBytes * 2} hex digits long`);
  const hex = text.slice(prefix.length).toLowerCase();
  return fromHex(hex) === undefined ? bad("has a character that is no hex digit") : ok(prefix + hex);
};

// The casts below are the only places that make these brands from text: `parse` has checked and canonicalised it.

export const parseMachineKey = (text: string): Result<MachineKey, Problem> =>
  parse(MACHINE_PREFIX, text) as Result<MachineKey, Problem>;
export const parseNodeKey = (text: string): Result<NodeKey, Problem> =>
  parse(NODE_PREFIX, text) as Result<NodeKey, Problem>;
export const parseDiscoKey = (text: string): Result<DiscoKey, Problem> =>
  parse(DISCO_PREFIX, text) as Result<DiscoKey, Problem>;
export const parseLockKey = (text: string): Result<string, Problem> => parse(LOCK_PREFIX, text);

const print = (prefix: string, raw: Uint8Array): string => {
  if (raw.length !== rawBytes) throw new RangeError(`${prefix} key of ${raw.length} bytes`);
  return prefix + toHex(raw);
};

export const machineKey = (raw: Uint8Array): MachineKey => print(MACHINE_PREFIX, raw) as MachineKey;
export const nodeKey = (raw: Uint8Array): NodeKey => print(NODE_PREFIX, raw) as NodeKey;
export const discoKey = (raw: Uint8Array): DiscoKey => print(DISCO_PREFIX, raw) as DiscoKey;

export const ZERO_MACHINE_KEY = (MACHINE_PREFIX + zeroHex) as MachineKey;
export const ZERO_NODE_KEY = (NODE_PREFIX + zeroHex) as NodeKey;
export const ZERO_DISCO_KEY = (DISCO_PREFIX + zeroHex) as DiscoKey;

/** True for the zero key of any prefix, and for no key at all. */
export const isZeroKey = (key: string): boolean => key === "" || key.endsWith(`:${zeroHex}`);

/** The 32 bytes of a public key's text. Only for texts that came out of this file; anything else is a bug. */
export const rawKey = (key: MachineKey | NodeKey | DiscoKey): Uint8Array => {
  const raw = fromHex(key.slice(key.indexOf(":") + 1));
  if (raw?.length !== rawBytes) throw new RangeError("not a key text");
  return raw;
};

/** Secret: `privkey:` text → 32 bytes. The problem never shows what was read. */
export const parsePrivateKey = (text: string): Result<Uint8Array, Problem> => {
  const parsed = parse(PRIVATE_PREFIX, text);
  const raw = parsed.ok ? fromHex(parsed.value.slice(PRIVATE_PREFIX.length)) : undefined;
  return raw === undefined ? err(problem("invalid", "private key: not privkey: and 64 hex digits")) : ok(raw);
};

/** Secret: for a file of mode 0600, never for a log, an event or an answer. */
export const privateKeyText = (raw: Uint8Array): string => print(PRIVATE_PREFIX, raw);
