// Capability versions (protocol 0.1, 12) and the names of capabilities that this server gives or reads (11).

/** JSON values; [] = present without arguments. */
export type CapMap = Readonly<Record<string, readonly unknown[]>>;

/** Older clients are refused. */
export const minCapver = 113;
export const minRelease = "1.80";

/** Where an older and a newer form exist, the version that understands the newer one. */
export const since = {
  certPin: 115, // DERPNode.CertName sha256-raw: (release 1.82)
  displayMessages: 117, // older: Health
  resolverUseWithExitNode: 125,
  autoUpdateAttr: 131, // older: DefaultAutoUpdate
} as const;

/** Attributes of the self node. */
export const nodeAttr = {
  fileSharing: "https://tailscale.com/cap/file-sharing",
  admin: "https://tailscale.com/cap/is-admin",
  owner: "https://tailscale.com/cap/is-owner",
  ssh: "https://tailscale.com/cap/ssh",
  sshRuleIn: "https://tailscale.com/cap/ssh-rule-in",
  https: "https",
  funnel: "funnel",
  driveShare: "drive:share",
  driveAccess: "drive:access",
  suggestExitNode: "suggest-exit-node", // in a peer's CapMap
  suggestExitNodeUi: "suggest-exit-node-ui",
  autoExitNode: "auto-exit-node",
  randomizeClientPort: "randomize-client-port",
  magicDnsAaaa: "magicdns-aaaa",
  sshEnvVars: "ssh-env-vars",
  maxKeyDuration: "tailnet.maxKeyDuration", // [seconds]
  displayName: "tailnet-display-name", // ["…"]
  defaultAutoUpdate: "default-auto-update", // [true] or [false]
} as const;
