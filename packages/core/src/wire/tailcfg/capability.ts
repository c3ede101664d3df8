// Capability versions (protocol 0.1, 12) and the names of capabilities that this server gives or reads (11).

/** JSON values; [] = present without arguments. */
export type CapMap = Readonly<Record<string, readonly unknown[]>>;

/** Capability version of each release that has one of its own, ascending. */
export const releases: readonly { readonly release: string; readonly capver: number }[] = [
  { release: "1.80", capver: 113 },
  { release: "1.82", capver: 115 },
  { release: "1.84", capver: 116 },
  { release: "1.86", capver: 122 },
  { release: "1.86.2", capver: 123 },
  { release: "1.88", capver: 125 },
  { release: "1.90", capver: 130 },
  { release: "1.92", capver: 131 },
  { release: "1.96", capver: 133 },
  { release: "1.98", capver: 138 },
  { release: "1.100", capver: 141 },
  { release: "1.102", capver: 142 },
];

/** Older clients are refused. */
export const minCapver = 113;
export const minRelease = "1.80";
/** Newest version that this server was written against. */
export const currentCapver = 145;

/** Where an older and a newer form exist, the version that understands the newer one. */
export const since = {
  certPin: 115, // DERPNode.CertName sha256-raw: (release 1.82)
  displayMessages: 117, // older: Health
  resolverUseWithExitNode: 125,
  autoUpdateAttr: 131, // older: DefaultAutoUpdate
} as const;

/** Newest release known to be at or below `capver`; undefined below the oldest one listed. */
export const releaseOf = (capver: number): string | undefined =>
  releases.findLast((row) => row.capver <= capver)?.release;

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

/** Granted by a filter rule: in the filter of the destination, or (target, sharer) of the source. */
export const peerCap = {
  fileSharingTarget: "https://tailscale.com/cap/file-sharing-target",
  fileSend: "https://tailscale.com/cap/file-send",
  debugPeer: "https://tailscale.com/cap/debug-peer",
  wakeOnLan: "https://tailscale.com/cap/wake-on-lan",
  ingress: "https://tailscale.com/cap/ingress",
  webui: "tailscale.com/cap/webui",
  drive: "tailscale.com/cap/drive",
  driveSharer: "tailscale.com/cap/drive-sharer",
  relay: "tailscale.com/cap/relay",
  relayTarget: "tailscale.com/cap/relay-target",
} as const;
