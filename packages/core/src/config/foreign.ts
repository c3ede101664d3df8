// headscale's settings that this release does not have, and why. Refused with what to do instead, never ignored:
// who sets one expects something from it. Matched by the longest prefix.

import type { Problem } from "../lib/errors.ts";

type Reason = readonly [why: string, todo: string];

const inTheLog: Reason = ["not used here: all state is in the log in the state folder", "remove it"];
const keysInStore: Reason = ["not used here: the server's keys live in the store", "remove it"];
const noTuning: Reason = ["not used here: nothing of it needs tuning", "remove it"];
const later = (todo: string): Reason => ["not supported yet by this release", todo];
const noAcme = later(
  "give a certificate with tls_cert_path and tls_key_path, or put an https proxy in front",
);
const moved = (to: string): Reason => [`an old name of ${to}`, `write it as ${to}`];

const reasons: Readonly<Record<string, Reason>> = {
  database: inTheLog,
  db_type: inTheLog,
  db_path: inTheLog,
  "noise.private_key_path": keysInStore,
  noise: keysInStore,
  private_key_path: keysInStore,
  "derp.server.private_key_path": keysInStore,
  tuning: noTuning,
  disable_check_updates: ["not used here: nothing asks for updates", "remove it"],
  acme_url: noAcme,
  acme_email: noAcme,
  tls_letsencrypt_hostname: noAcme,
  tls_letsencrypt_cache_dir: noAcme,
  tls_letsencrypt_challenge_type: noAcme,
  tls_letsencrypt_listen: noAcme,
  oidc: later("remove it; logins are approved with `hydrascale auth register`"),
  "node.routes": later("remove it"),
  preauth_keys: later("remove it; expired keys stay listed until they are deleted"),
  grpc_listen_addr: ["not used here: the API is HTTP only", "remove it"],
  grpc_allow_insecure: ["not used here: the API is HTTP only", "remove it"],
  "cli.insecure": [
    "not supported: certificates are always checked",
    "add your CA with NODE_EXTRA_CA_CERTS and remove it",
  ],
  acl_policy_path: moved("policy.path"),
  dns_config: moved("dns"),
  "dns.use_username_in_magic_dns": ["gone: names have no user in them", "remove it"],
  ephemeral_node_inactivity_timeout: moved("node.ephemeral.inactivity_timeout"),
  randomize_client_port: ["not a setting: it belongs in the policy", "remove it"],
  ip_prefixes: moved("prefixes.v4 and prefixes.v6"),
};

/** Why a key of headscale's is refused; undefined when it is not one of those. */
export function foreignKey(key: string): Omit<Problem, "code"> | undefined {
  const steps = key.split(".");
  for (let n = steps.length; n > 0; n--) {
    const reason = reasons[steps.slice(0, n).join(".")];
    if (reason !== undefined) return { message: reason[0], hint: reason[1] };
  }
  return undefined;
}
