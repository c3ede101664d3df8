// Given these events, when this command comes, then that: deciding without a log. What is decided is folded into the
// one state that all steps from the same `given` share.

import { decide } from "@hydrascale/core/domain/directory/decide";
import type { Command, CommandResult, DecideContext } from "@hydrascale/core/domain/directory/commands";
import type { DirectoryEvent } from "@hydrascale/core/domain/directory/events";
import { evolve } from "@hydrascale/core/domain/directory/evolve";
import type { Settings } from "@hydrascale/core/domain/directory/settings";
import type { DirectoryState } from "@hydrascale/core/domain/directory/state";
import { createDirectory } from "@hydrascale/core/domain/directory/tables";
import type {
  CommandId,
  LoginId,
  MachineKey,
  NodeId,
  NodeKey,
  PreAuthKeyId,
  UserId,
} from "@hydrascale/core/domain/ids";
import type { Principal } from "@hydrascale/core/domain/message";
import type { Problem } from "@hydrascale/core/lib/errors";

export const now = Date.UTC(2026, 0, 2, 3, 4, 5);
export const hour = 3_600_000;
export const operator: Principal = { kind: "local", name: "test" };

const hex = (n: number): string => n.toString(16).padStart(64, "0");
export const machine = (n: number): MachineKey => `mkey:${hex(n)}` as MachineKey;
export const nodeKey = (n: number): NodeKey => `nodekey:${hex(n)}` as NodeKey;
export const login = (n: number): LoginId => `hskey-authreq-${n.toString(16).padStart(24, "0")}` as LoginId;
export const userId = (n: number): UserId => n as UserId;
export const nodeId = (n: number): NodeId => n as NodeId;
export const authKey = (n: number): PreAuthKeyId => n as PreAuthKeyId;

export const settings: Settings = {
  dns: {
    magicDns: true,
    baseDomain: "example.net",
    overrideLocalDns: false,
    nameservers: [],
    split: {},
    searchDomains: [],
    extraRecords: [],
  },
  derpMap: { Regions: {} },
  prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
  taildrop: true,
  logtail: false,
  autoUpdate: false,
  nodeExpiry: 0,
  ephemeralTimeout: 120_000,
};

/** Settings, with parts replaced. */
export const configured = (change: Partial<Settings> = {}): DirectoryEvent => ({
  kind: "SettingsChanged",
  source: "test",
  hash: JSON.stringify(change),
  settings: { ...settings, ...change },
});

export const user = (id: number, name: string): DirectoryEvent => ({
  kind: "UserCreated",
  user: userId(id),
  name,
  displayName: "",
  email: "",
  profilePicUrl: "",
  provider: "",
  providerId: "",
});

type EventOf<K extends DirectoryEvent["kind"]> = Extract<DirectoryEvent, { readonly kind: K }>;

/** A one-time key of user 1 whose hash is `key<id>`. */
export const key = (id: number, change: Partial<EventOf<"PreAuthKeyCreated">> = {}): DirectoryEvent => ({
  kind: "PreAuthKeyCreated",
  key: authKey(id),
  hash: `key${id}`,
  prefix: `hskey-auth-${id}`,
  user: userId(1),
  tags: [],
  reusable: false,
  ephemeral: false,
  expiry: null,
  ...change,
});

/** A node of user 1 on machine `id` with node key `id`, called `host<id>`. */
export const node = (id: number, change: Partial<EventOf<"NodeRegistered">> = {}): DirectoryEvent => ({
  kind: "NodeRegistered",
  node: nodeId(id),
  machineKey: machine(id),
  nodeKey: nodeKey(id),
  user: userId(1),
  tags: [],
  name: `host${id}`,
  addresses: { v4: `100.64.0.${id}`, v6: `fd7a:115c:a1e0::${id}` },
  expiry: null,
  ephemeral: false,
  method: "cli",
  preAuthKey: null,
  host: { Hostname: `host${id}` },
  routes: [],
  requestTags: [],
  capver: 120,
  ...change,
});

export const tagged = (...tags: string[]) => ({ user: null, tags });

/** Registration of machine and node key `n` with key `key1` and hostname `host<n>`. */
export const registering = (
  n: number,
  change: Partial<Extract<Command, { readonly kind: "RegisterNode" }>> = {},
): Command => ({
  kind: "RegisterNode",
  machineKey: machine(n),
  nodeKey: nodeKey(n),
  oldNodeKey: null,
  auth: { kind: "pre-auth-key", hash: "key1" },
  expiry: null,
  ephemeral: false,
  host: { Hostname: `host${n}` },
  routes: [],
  requestTags: [],
  capver: 120,
  ...change,
});

export const vouched = (u: number, l: number, method: "cli" | "oidc" = "cli") =>
  ({ kind: "user", user: userId(u), login: login(l), method }) as const;

export interface Then {
  readonly state: DirectoryState;
  /** undefined when the command was refused. */
  readonly events: readonly DirectoryEvent[] | undefined;
  readonly kinds: readonly string[] | undefined;
  readonly result: CommandResult | undefined;
  readonly problem: Problem | undefined;
  when(command: Command, change?: Partial<DecideContext>): Then;
  /** The only event of that kind. */
  event<K extends DirectoryEvent["kind"]>(kind: K): EventOf<K>;
}

let commands = 0;

export const context = (change: Partial<DecideContext> = {}): DecideContext => ({
  id: `c${++commands}` as CommandId,
  by: operator,
  now,
  random: (n) => new Uint8Array(n).fill(7),
  policy: { version: 0, tagExists: () => false, mayTag: () => false },
  ...change,
});

/** A tailnet with standard settings and user 1, `ada`, in which these happened. */
export function given(...events: readonly DirectoryEvent[]): Pick<Then, "when" | "state"> {
  const state = createDirectory();
  fold(state, [configured(), user(1, "ada"), ...events]);
  return { state, when: (command, change) => when(state, command, change) };
}

function fold(state: DirectoryState, events: readonly DirectoryEvent[]): void {
  state.slot.seq++;
  for (const event of events) evolve(state, event, { seq: state.slot.seq, at: now - hour, by: operator });
}

function when(state: DirectoryState, command: Command, change?: Partial<DecideContext>): Then {
  const made = decide(state, command, context(change));
  const events = made.ok ? made.value.events : undefined;
  if (events !== undefined) fold(state, events);
  return {
    state,
    events,
    kinds: events?.map((event) => event.kind),
    result: made.ok ? made.value.result : undefined,
    problem: made.ok ? undefined : made.error,
    when: (next, nextChange) => when(state, next, nextChange),
    event(kind) {
      const found = events?.filter((event) => event.kind === kind) ?? [];
      if (found.length !== 1) throw new Error(`${found.length} events ${kind} in ${JSON.stringify(made)}`);
      return found[0] as never;
    },
  };
}
