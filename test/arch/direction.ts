// Who may import whom (design, section 6), as data, each line with its reason. What a layer does not list, it must not import.

export interface LayerRule {
  readonly layer: string;
  readonly may: readonly string[];
  /** What only the types may come from: paths, or folders that end in a slash. */
  readonly types?: readonly string[];
  readonly because: string;
}

const core = ["core/lib", "core/crypto", "core/wire", "core/domain", "core/netmap", "core/store"];

export const layers: readonly LayerRule[] = [
  {
    layer: "core/lib",
    may: [],
    because: "lib holds things with a dictionary name, which know nothing of this project",
  },
  {
    layer: "core/crypto",
    may: ["core/lib"],
    because: "a suite is primitives over bytes: what they protect is not its business",
  },
  {
    layer: "core/wire",
    may: ["core/lib", "core/crypto"],
    types: [
      "packages/core/src/domain/ids",
      "packages/core/src/domain/host",
      "packages/core/src/domain/live/events",
    ],
    because: "wire turns bytes into values and back, so that it can be read beside the protocol alone",
  },
  {
    layer: "core/domain",
    may: ["core/lib", "core/wire"],
    types: ["packages/core/src/store/"],
    because: "decisions are pure: nothing that they import can do I/O; documents are read through a port",
  },
  {
    layer: "core/netmap",
    may: ["core/lib", "core/crypto", "core/wire", "core/domain"],
    because: "a netmap is a function of the state; where the state comes from is the gateway's",
  },
  {
    layer: "core/store",
    may: ["core/lib"],
    because: "the ports carry bytes and sequences, so that any log can stand behind them",
  },
  {
    layer: "core/jetstream",
    may: ["core/lib", "core/store"],
    because: "an adapter knows its port and its server, and nothing of what is stored",
  },
  {
    layer: "core/nats-server",
    may: ["core/lib", "core/store", "core/jetstream"],
    because: "the child process is set up for the streams that the adapter declares",
  },
  {
    layer: "core/config",
    may: ["core/lib", "core/wire", "core/domain"],
    because: "configuration becomes settings of the domain; nobody below reads a file or a variable",
  },
  {
    layer: "core/obs",
    may: ["core/lib", "core/config"],
    because: "logs and metrics are written to by others and ask nobody back",
  },
  {
    layer: "gateway",
    may: [...core, "core/config", "core/obs"],
    because: "a gateway gets its store from outside: it runs on the in-memory one as on JetStream",
  },
  {
    layer: "projector",
    may: [...core, "core/config", "core/obs"],
    because: "a projector gets its store from outside, and no gateway is on its path",
  },
  {
    layer: "cli",
    may: [...core, "core/config", "core/obs", "core/jetstream", "core/nats-server", "gateway", "projector"],
    because: "the command line puts the parts together; nothing imports it",
  },
];

export interface SpecialRule {
  readonly what: string;
  /** The imports that the rule is about. */
  readonly matches: (to: string) => boolean;
  /** The files that may have them. */
  readonly allowed: (from: string) => boolean;
  readonly because: string;
}

const pure = /^packages\/core\/src\/(lib|crypto|wire|domain|netmap|store)\//;
const compute = new Set(["node:crypto", "node:zlib", "node:util", "node:buffer"]);

export const specials: readonly SpecialRule[] = [
  {
    what: "gateway and projector in the command line",
    matches: (to) => /^packages\/(gateway|projector)\/src\//.test(to),
    allowed: (from) =>
      /^packages\/(gateway|projector)\/src\//.test(from) || from.startsWith("packages/cli/src/up/"),
    because: "only a command that runs a server may load one; all others start fast and ask over a transport",
  },
  {
    what: "the NATS client",
    matches: (to) => to.startsWith("@nats-io/"),
    allowed: (from) => /^packages\/core\/src\/(jetstream|nats-server)\//.test(from),
    because: "its outcomes and quirks are translated in one place; elsewhere there are ports",
  },
  {
    what: "I/O in the pure layers",
    matches: (to) => to.startsWith("node:") && !compute.has(to),
    allowed: (from) =>
      !pure.test(from) ||
      from.startsWith("packages/core/src/netmap/testing/") ||
      from === "packages/core/src/store/contract.ts",
    because: "pure layers compute (laws and contract suites assert); files and sockets come in from outside",
  },
  {
    what: "tests in the product",
    matches: (to) => to.startsWith("test/") || to.endsWith(".test"),
    allowed: () => false,
    because: "what operators run must not need the tests",
  },
];
