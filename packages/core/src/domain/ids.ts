// Branded ids and keys: a bare string or number never passes for one.

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Tailnet id: a legal subject token, `[a-z0-9-]{1,32}`. */
export type TailnetId = Brand<string, "TailnetId">;
/** > 0, unique per tailnet, never used again; ≤ 2^53 − 1. */
export type NodeId = Brand<number, "NodeId">;
export type UserId = Brand<number, "UserId">;
export type PreAuthKeyId = Brand<number, "PreAuthKeyId">;
export type ApiKeyId = Brand<number, "ApiKeyId">;
/** One start of one gateway process: 16 random bytes as lower-case base32, a legal subject token. */
export type BootId = Brand<string, "BootId">;
/** `<boot>.<counter>`: one map stream, for ever unique. */
export type SessionId = Brand<string, "SessionId">;
/** Chosen by whoever asks; the same id by the same principal gets the first answer again. 1..64 of `[A-Za-z0-9_-]`. */
export type CommandId = Brand<string, "CommandId">;
/** Id of a pending login: `hskey-authreq-` + 24 hex or more; unguessable. */
export type LoginId = Brand<string, "LoginId">;

/** `mkey:` + 64 lower-case hex. */
export type MachineKey = Brand<string, "MachineKey">;
/** `nodekey:` + 64 lower-case hex. */
export type NodeKey = Brand<string, "NodeKey">;
/** `discokey:` + 64 lower-case hex. */
export type DiscoKey = Brand<string, "DiscoKey">;

/** Milliseconds since 1970. */
export type Millis = number;
