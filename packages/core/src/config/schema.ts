// Every setting: its check, default and description. Names and nesting are headscale's wherever it has the setting, and
// the configuration in memory keeps the spelling of the file. A key that is not here is refused (foreign.ts says why, for those we know).

import { z } from "zod";
import { err, ok, type Result } from "../lib/result.ts";
import { checkPrefix, domainName, isAddress } from "./address.ts";
import {
  addressOrNone,
  checked,
  duration,
  flag,
  integer,
  listen,
  listenOrNone,
  listOf,
  oneOf,
  optionalFlag,
  optionalWords,
  path,
  paths,
  table,
  text,
  textOrNone,
} from "./leaf.ts";
import { checkRecords } from "./records.ts";
import { checkResolver } from "./resolver.ts";

function checkServerUrl(value: string): Result<string, string> {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return err("must be a URL that starts with https:// or http://");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return err("must start with https:// or http://");
  if (url.username !== "" || url.password !== "") return err("must not carry a user name or password");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    return err("must end after the host and port; clients use fixed paths below /");
  return ok(url.origin);
}

function checkOrigin(value: string): Result<string, string> {
  if (value === "*") return ok(value);
  try {
    const url = new URL(value);
    if (/^https?:$/.test(url.protocol) && url.origin === value.replace(/\/$/, "")) return ok(url.origin);
  } catch {
    // falls through to the message
  }
  return err("must be an origin such as https://ui.example.com, or *");
}

function checkFetchUrl(value: string): Result<string, string> {
  try {
    if (/^https?:$/.test(new URL(value).protocol)) return ok(value);
  } catch {
    // falls through to the message
  }
  return err("must be an http:// or https:// URL");
}

function checkProxy(value: string): Result<string, string> {
  if (isAddress(value)) return ok(`${value}/${value.includes(":") ? 128 : 32}`);
  const prefix = checkPrefix(value);
  if (prefix.ok && prefix.value.endsWith("/0"))
    return err("covers everybody, so anyone could forge an address");
  return prefix;
}

const socketMode = (value: string): Result<number, string> =>
  /^0?[0-7]{3}$/.test(value)
    ? ok(Number.parseInt(value, 8))
    : err('must be a quoted octal mode such as "0770"');

const natsUrl = (value: string): Result<string, string> =>
  /^(nats|tls):\/\/[^/\s@]+$/.test(value) ? ok(value) : err("must be nats://host:port or tls://host:port");

const resolvers = z
  .array(z.string("must be text").transform(checked(checkResolver)), "must be a list of resolvers")
  .min(1, "must name at least one resolver");

const splitDns = z
  .record(z.string(), resolvers, "must map domains to lists of resolvers")
  .transform((value, ctx) => {
    const clean = new Map<string, readonly string[]>();
    for (const [domain, list] of Object.entries(value)) {
      const name = domainName(domain);
      const wrong = !name.ok
        ? name.error
        : clean.has(name.value)
          ? "is there twice, spelt differently"
          : undefined;
      if (wrong !== undefined) ctx.addIssue({ code: "custom", message: wrong, path: [domain] });
      else if (name.ok) clean.set(name.value, list);
    }
    return Object.fromEntries(clean);
  });

const derpServer = z.strictObject({
  enabled: flag({
    doc: "Run the embedded relay (DERP) and STUN. A client without any relay region never comes up, so switch it off only when `derp.urls` or `derp.paths` give one.",
    fallback: true,
  }),
  region_id: integer(1, 65535, {
    doc: "Region id of the embedded relay; it wins over a region with the same id from elsewhere.",
    fallback: 999,
  }),
  region_code: text(
    "text",
    (value) =>
      /^[A-Za-z0-9-]{1,32}$/.test(value) ? ok(value) : err("must be 1 to 32 letters, digits or hyphens"),
    { doc: "Short name of the region, as `tailscale netcheck` shows it.", fallback: "hydrascale" },
  ),
  region_name: text(
    "text",
    (value) => (value.length > 0 && value.length <= 100 ? ok(value) : err("must have 1 to 100 characters")),
    { doc: "Long name of the region.", fallback: "Hydrascale embedded relay" },
  ),
  verify_clients: flag({ doc: "Relay only for nodes that are registered here.", fallback: true }),
  stun_listen_addr: listen({ doc: "UDP address where STUN is answered.", fallback: "0.0.0.0:3478" }),
  automatically_add_embedded_derp_region: flag({
    doc: "Put the embedded relay into the relay map. Without it, publish your own region through `derp.paths`.",
    fallback: true,
  }),
  ipv4: addressOrNone(4, {
    doc: "IPv4 address of the relay in the map. Empty: clients resolve the server's name; `none`: no IPv4.",
    fallback: "",
    example: "203.0.113.7",
  }),
  ipv6: addressOrNone(6, {
    doc: "IPv6 address of the relay in the map. Empty: clients resolve the server's name; `none`: no IPv6.",
    fallback: "",
    example: "2001:db8::7",
  }),
});

export const schema = z.strictObject({
  server_url: text("URL", checkServerUrl, {
    doc: "The URL that clients use (`tailscale up --login-server`). A host name or a public address needs https; plain http works only with `localhost`, a loopback address or a private address literal, since clients fall back to port 443 for everything else.",
    example: "https://control.example.com",
  }),
  listen_addr: listen({
    doc: "Where clients, the API and the embedded relay are served; one port that answers TLS and plain HTTP.",
    fallback: "0.0.0.0:8080",
  }),
  metrics_listen_addr: listenOrNone({
    doc: "Where `/metrics` is served, and nothing else. Empty: nowhere.",
    fallback: "",
    example: "127.0.0.1:9090",
  }),
  state_dir: path({
    doc: "Folder of everything that is kept: the log, keys, the socket. `--dir` and `HYDRASCALE_DIR` set it too.",
    fallback: "./data",
    example: "/var/lib/hydrascale",
  }),
  cluster_key_path: path({
    doc: "File with 64 hex digits: seals the server's private keys where they are stored. Every gateway needs the same. Empty: they are stored unsealed. Set it before the first start.",
    fallback: "",
    example: "/etc/hydrascale/cluster.key",
  }),
  unix_socket: path({
    doc: "Socket of the local admin API, which trusts whoever may open it. Empty: `hydrascale.sock` in the state folder.",
    fallback: "",
  }),
  unix_socket_permission: text("octal mode in quotes", socketMode, {
    doc: "Mode of the socket.",
    fallback: "0770",
  }),
  tls_cert_path: path({
    doc: "Certificate chain (PEM) for https. Read again when it changes. Needs `tls_key_path`.",
    fallback: "",
    example: "/etc/hydrascale/tls.crt",
  }),
  tls_key_path: path({
    doc: "Private key (PEM) of the certificate.",
    fallback: "",
    example: "/etc/hydrascale/tls.key",
  }),
  trusted_proxies: listOf("list of prefixes", checkProxy, {
    doc: "Proxies whose `X-Forwarded-For`, `X-Real-IP` and `True-Client-IP` are believed, for logs and limits.",
    fallback: [],
    example: ["10.0.0.0/8"],
  }),
  prefixes: z.strictObject({
    v4: textOrNone("prefix or empty", (value) => checkPrefix(value, 4), {
      doc: "Where nodes get their IPv4 addresses. Empty: none. Clients treat 100.64.0.0/10 specially; stay within it.",
      fallback: "100.64.0.0/10",
    }),
    v6: textOrNone("prefix or empty", (value) => checkPrefix(value, 6), {
      doc: "Where nodes get their IPv6 addresses. Empty: none. Stay within fd7a:115c:a1e0::/48.",
      fallback: "fd7a:115c:a1e0::/48",
    }),
    allocation: oneOf(["sequential", "random"], {
      doc: "Next free address, or a random one.",
      fallback: "sequential",
    }),
  }),
  node: z.strictObject({
    expiry: duration(0, {
      doc: "Lifetime of a node's key when the client asks for none. 0: for ever. Tagged nodes never expire.",
      fallback: "0",
      example: "180d",
    }),
    ephemeral: z.strictObject({
      inactivity_timeout: duration(1000, {
        doc: "How long an ephemeral node may be away before it is deleted; from 1s.",
        fallback: "30m",
      }),
    }),
  }),
  derp: z.strictObject({
    server: derpServer,
    urls: listOf("list of URLs", checkFetchUrl, {
      doc: "Relay maps (JSON) to fetch. The last good one is kept when a fetch fails.",
      fallback: [],
      example: ["https://controlplane.tailscale.com/derpmap/default"],
    }),
    paths: paths({
      doc: "Relay maps (YAML or JSON) on disk; later ones win over earlier ones and over URLs.",
      fallback: [],
      example: ["/etc/hydrascale/derp.yaml"],
    }),
    auto_update_enabled: flag({
      doc: "Fetch and read the relay maps again from time to time.",
      fallback: true,
    }),
    update_frequency: duration(60_000, { doc: "How often; at least 1m.", fallback: "3h" }),
  }),
  policy: z.strictObject({
    mode: oneOf(["database", "file"], {
      doc: "`database`: the policy is set by API and CLI and kept in the log. `file`: it is read from `policy.path` at start.",
      fallback: "database",
    }),
    path: path({
      doc: "Policy file (HuJSON) for mode `file`.",
      fallback: "",
      example: "/etc/hydrascale/policy.hujson",
    }),
  }),
  dns: z.strictObject({
    magic_dns: flag({ doc: "Nodes reach each other by name.", fallback: true }),
    base_domain: textOrNone("domain", domainName, {
      doc: "Nodes are called `<name>.<base domain>`. Must not be the host of `server_url`, nor a domain that anything public uses.",
      fallback: "hydrascale.internal",
      example: "tail.example.com",
    }),
    override_local_dns: optionalFlag({
      doc: "Clients use the global nameservers for everything instead of their own. Needs global nameservers.",
      otherwise: "true when there are global nameservers, else false",
    }),
    nameservers: z.strictObject({
      global: listOf("list of resolvers", checkResolver, {
        doc: "Resolvers for all names: IP addresses (with `:port` or without) or https:// resolvers of a provider that clients know. NextDNS addresses get the device's data where the policy does not forbid it.",
        fallback: [],
        example: ["1.1.1.1", "2606:4700:4700::1111", "https://dns.nextdns.io/abc123"],
      }),
      split: table(splitDns, "domain → list of resolvers", {
        doc: "Resolvers for some domains only.",
        fallback: {},
        example: { "corp.example.com": ["10.0.0.53"] },
      }),
    }),
    search_domains: listOf("list of domains", domainName, {
      doc: "Search domains besides the base domain, which always comes first.",
      fallback: [],
      example: ["corp.example.com"],
    }),
    extra_records: table(z.unknown().transform(checked(checkRecords)), "list of {name, type, value}", {
      doc: "More A and AAAA records that clients answer by themselves. Not together with `dns.extra_records_path`.",
      fallback: [],
      example: [{ name: "grafana.tail.example.com", type: "A", value: "100.64.0.3" }],
    }),
    extra_records_path: path({
      doc: "JSON file with such records. Watched: a change reaches clients at once, a bad file leaves the last good records in use.",
      fallback: "",
      example: "/var/lib/hydrascale/records.json",
    }),
  }),
  logtail: z.strictObject({
    enabled: flag({ doc: "Let clients send their logs to Tailscale Inc.", fallback: false }),
  }),
  taildrop: z.strictObject({
    enabled: flag({ doc: "File sharing between a user's nodes.", fallback: true }),
  }),
  auto_update: z.strictObject({
    enabled: flag({ doc: "Default of the clients' automatic updates.", fallback: false }),
  }),
  log: z.strictObject({
    level: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "panic"], {
      doc: "The least severe lines that are written; `panic` is the same as `fatal`.",
      fallback: "info",
    }),
    format: oneOf(["text", "json"], { doc: "For people, or one JSON object a line.", fallback: "text" }),
  }),
  cors: z.strictObject({
    origins: listOf("list of origins", checkOrigin, {
      doc: "Web origins whose pages may call the API from a browser; `*` for all.",
      fallback: [],
      example: ["https://ui.example.com"],
    }),
  }),
  nats: z.strictObject({
    url: listOf("list of URLs", natsUrl, {
      doc: "NATS servers for the roles `gateway` and `projector`. `up` runs a server of its own.",
      fallback: [],
      example: ["tls://nats-1.internal:4222", "tls://nats-2.internal:4222"],
    }),
    monitoring: listOf("list of URLs", checkFetchUrl, {
      doc: "Monitoring address of every NATS server in `nats.url`, where it is checked that acknowledged writes are synced to disk.",
      fallback: [],
      example: ["http://nats-1.internal:8222", "http://nats-2.internal:8222"],
    }),
    nkey_path: path({
      doc: "File with the role's nkey seed.",
      fallback: "",
      example: "/etc/hydrascale/gateway.nk",
    }),
    ca_path: path({
      doc: "CA certificates (PEM) for the connection to NATS.",
      fallback: "",
      example: "/etc/hydrascale/nats-ca.crt",
    }),
  }),
  cli: z.strictObject({
    address: optionalWords({
      doc: "API that the commands talk to, instead of the local socket.",
      example: "https://control.example.com",
      otherwise: "the local socket",
    }),
    api_key: optionalWords({ doc: "API key for `cli.address`.", secret: true, otherwise: "none" }),
    timeout: duration(100, { doc: "How long a command waits for one answer.", fallback: "5s" }),
  }),
});

export type Config = z.output<typeof schema>;
