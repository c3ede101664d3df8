import assert from "node:assert/strict";
import { test } from "node:test";
import { settings } from "./catalogue.ts";
import { defaultsForUp } from "./defaults.ts";
import { loadConfig, type Loaded, type LoadInput } from "./load.ts";
import { printConfig } from "./print.ts";
import { settingsHash, toSettings } from "./settings.ts";

const base = "server_url: http://127.0.0.1:8080\n";

function load(input: LoadInput): Loaded {
  const result = loadConfig(input);
  if (!result.ok) assert.fail(result.error.map((p) => p.message).join("\n"));
  return result.value;
}

function problems(input: LoadInput): string[] {
  const result = loadConfig(input);
  assert.equal(result.ok, false, "should have been refused");
  return result.ok
    ? []
    : result.error.map((p) => (p.hint === undefined ? p.message : `${p.message} | ${p.hint}`));
}

test("an almost empty file gives every setting its default", () => {
  const { config, warnings } = load({ file: "config.yaml", text: base });
  assert.deepEqual(config.listen_addr, { host: "0.0.0.0", port: 8080 });
  assert.equal(config.metrics_listen_addr, null);
  assert.equal(config.policy.mode, "database");
  assert.equal(config.node.ephemeral.inactivity_timeout, 1_800_000);
  assert.equal(config.unix_socket_permission, 0o770);
  assert.equal(config.unix_socket, "data/hydrascale.sock");
  assert.deepEqual(warnings, []);
});

test("flags win over the environment, it over the file, it over defaults", () => {
  const text = `${base}log:\n  level: warn\n  format: json\nnode:\n  expiry: 180d\n`;
  const env = { HYDRASCALE_LOG_LEVEL: "debug", HYDRASCALE_NODE_EXPIRY: "1h30m" };
  const { config } = load({
    text,
    env,
    flags: { "node.expiry": "0" },
    defaults: { "taildrop.enabled": false },
  });
  assert.equal(config.log.level, "debug");
  assert.equal(config.log.format, "json");
  assert.equal(config.node.expiry, 0);
  assert.equal(config.taildrop.enabled, false);
});

test("the environment speaks for lists, maps, numbers and flags", () => {
  const env = {
    HYDRASCALE_SERVER_URL: "https://hs.example.com",
    HYDRASCALE_DNS_NAMESERVERS_GLOBAL: "1.1.1.1 2606:4700:4700::1111",
    HYDRASCALE_DNS_NAMESERVERS_SPLIT: '{"Corp.Example.com.": ["10.0.0.53"]}',
    HYDRASCALE_DERP_SERVER_REGION_ID: "901",
    HYDRASCALE_DNS_MAGIC_DNS: "false",
  };
  const { config } = load({ env });
  assert.deepEqual(config.dns.nameservers.global, ["1.1.1.1", "2606:4700:4700::1111"]);
  assert.deepEqual(config.dns.nameservers.split, { "corp.example.com": ["10.0.0.53"] });
  assert.equal(config.derp.server.region_id, 901);
  assert.equal(config.dns.magic_dns, false);
});

test("all problems come at once, each with its line, key, value and remedy", () => {
  const text = [
    "server_url: ftp://x",
    "listen_adr: 0.0.0.0:80",
    "node:",
    "  expiry: 5",
    "dns:",
    "  base_domain: foo..bar",
    "  nameservers:",
    "    global: [1.1.1.1, tls://9.9.9.9]",
    "  extra_recods: []",
  ].join("\n");
  assert.deepEqual(problems({ file: "config.yaml", text, env: { HYDRASCALE_LOG_LEVEL: "loud" } }), [
    "config.yaml:2: listen_adr: there is no such setting | did you mean listen_addr?",
    "config.yaml:9: dns.extra_recods: there is no such setting | did you mean dns.extra_records?",
    'config.yaml:1: server_url = "ftp://x": must start with https:// or http:// | for example: "https://control.example.com"',
    'config.yaml:4: node.expiry = 5: has no unit; write 5s, 5m, 5h or 5d | for example: "180d"',
    'config.yaml:6: dns.base_domain = "foo..bar": has an empty label (two dots in a row, or one in front) | for example: "tail.example.com"',
    'config.yaml:8: dns.nameservers.global[1] = "tls://9.9.9.9": tls:// is not understood by clients; use an IP address or https:// | for example: ["1.1.1.1","2606:4700:4700::1111","https://dns.nextdns.io/abc123"]',
    'HYDRASCALE_LOG_LEVEL: log.level = "loud": must be one of trace, debug, info, warn, error, fatal, panic',
  ]);
});

test("a setting of headscale's that means nothing here is refused with what to do", () => {
  const text = `${base}database:\n  type: sqlite\nnoise:\n  private_key_path: /x\nderp:\n  server:\n    private_key_path: /y\noidc:\n  issuer: https://x\n`;
  const found = problems({ file: "c.yaml", text });
  assert.equal(found.length, 4);
  assert.match(found[0] ?? "", /^c\.yaml:2: database: not used here: all state is in the log/);
  assert.match(found[1] ?? "", /noise: not used here: the server's keys live in the store \| remove it/);
  assert.match(found[2] ?? "", /derp\.server\.private_key_path: not used here/);
  assert.match(found[3] ?? "", /oidc: not supported yet by this release/);
});

test("variables that resemble a setting are refused, others only named, those that Kubernetes sets for a service of this name are not", () => {
  const env = {
    HYDRASCALE_SERVICE_HOST: "10.0.0.1",
    HYDRASCALE_PORT: "tcp://10.0.0.1:80",
    HYDRASCALE_PORT_80_TCP_ADDR: "10.0.0.1",
    HYDRASCALE_METRICS_SERVICE_PORT_HTTP: "9090",
    HYDRASCALE_DIR: "/x",
    OTHER: "x",
  };
  assert.deepEqual(load({ text: base, env }).warnings, []);
  assert.deepEqual(load({ text: base, env: { HYDRASCALE_BIN: "/usr/bin/hydrascale" } }).warnings, [
    "HYDRASCALE_BIN: there is no such setting, so it does nothing",
  ]);
  assert.deepEqual(
    problems({ text: base, env: { HYDRASCALE_SERVR_URL: "x", HYDRASCALE_DATABASE_TYPE: "sqlite" } }),
    [
      "HYDRASCALE_SERVR_URL: there is no such setting | did you mean HYDRASCALE_SERVER_URL?",
      "HYDRASCALE_DATABASE_TYPE: not used here: all state is in the log in the state folder | remove it",
    ],
  );
});

test("plain http is for localhost and private literals alone", () => {
  for (const url of [
    "http://localhost:8080",
    "http://192.168.4.5",
    "http://[::1]:80",
    "http://[fd00::1]",
    "https://a.example.com",
  ])
    load({ text: `server_url: "${url}"` });
  for (const url of [
    "http://hs.example.com:8080",
    "http://203.0.113.9",
    "http://100.64.0.1:8080",
    "http://[2001:db8::1]",
  ])
    assert.match(
      problems({ text: `server_url: "${url}"` })[0] ?? "",
      /server_url = .*plain http works only with localhost/,
    );
});

test("a base domain that is the server's own name is refused, one above it is warned of", () => {
  const text = (domain: string): string =>
    `server_url: https://hs.example.com\ndns: {base_domain: ${domain}}\n`;
  assert.match(problems({ text: text("hs.example.com") })[0] ?? "", /is the host of server_url/);
  assert.match(load({ text: text("example.com") }).warnings[0] ?? "", /is below it/);
  assert.deepEqual(load({ text: text("tail.hs.example.com") }).warnings, []);
});

test("settings that contradict each other are refused", () => {
  const wrong: readonly [string, RegExp][] = [
    ["policy: {mode: file}", /policy\.path = "": is needed/],
    ["prefixes: {v4: '', v6: ''}", /nodes would get no address/],
    ["dns: {override_local_dns: true}", /needs global nameservers/],
    ["dns: {base_domain: ''}", /is needed for MagicDNS/],
    [
      "dns: {extra_records: [{name: a.b, type: A, value: 1.2.3.4}], extra_records_path: x}",
      /cannot stand beside/,
    ],
    ["tls_cert_path: a.pem", /tls_key_path = "": is missing beside tls_cert_path/],
    ["derp: {server: {enabled: false}}", /no relay region at all/],
    ["trusted_proxies: [0.0.0.0/0]", /anyone could forge/],
    ["prefixes: {v4: 100.64.0.1/10}", /bits set beyond its length/],
    ["unix_socket_permission: 0770", /must be text/],
    ["node: {ephemeral: {inactivity_timeout: 999ms}}", /must be 1s or more/],
    ["dns: [1]", /is a section/],
    ["dns: {nameservers: {split: {A.x: [1.1.1.1], a.x.: [1.1.1.1]}}}", /split\.a\.x\. = .*is there twice/],
    ["dns: {nameservers: {split: {a.x: []}}}", /must name at least one resolver/],
    ["log: {level: info", /not valid YAML/],
  ];
  for (const [text, pattern] of wrong) {
    const found = problems({ text: base + text });
    assert.equal(found.length, 1, `${text}: ${found.join("\n")}`);
    assert.match(found[0] ?? "", pattern);
  }
});

test("short ephemeral time-outs are honoured as asked", () => {
  const { config } = load({ text: `${base}node: {ephemeral: {inactivity_timeout: 1s}}` });
  assert.equal(config.node.ephemeral.inactivity_timeout, 1000);
});

test("a secret is shown neither in problems nor in the printed configuration", () => {
  const secret = "hskey-api-0123456789ab-very-secret";
  const printed = printConfig(load({ text: base, env: { HYDRASCALE_CLI_API_KEY: secret } }));
  assert.match(printed, /api_key: \(hidden\)/);
  assert.doesNotMatch(printed, /very-secret/);
  assert.doesNotMatch(problems({ text: `${base}cli: {api_key: [${secret}]}` }).join("\n"), /very-secret/);
});

test("what is printed loads again to the same configuration", () => {
  const text = `${base}node: {expiry: 180d}\ndns: {nameservers: {global: [9.9.9.9], split: {a.example: [10.0.0.1]}}}\n`;
  const first = load({ text });
  assert.deepEqual(load({ text: printConfig(first) }).config, first.config);
});

test("every example and every default in the schema passes its own check", () => {
  const alone = new Set(["dns.extra_records", "dns.extra_records_path"]);
  const flags = Object.fromEntries(
    settings.filter((s) => s.example !== undefined && !alone.has(s.key)).map((s) => [s.key, s.example]),
  );
  load({ flags });
  for (const key of alone) {
    const example = settings.find((s) => s.key === key)?.example;
    load({ text: base, flags: { [key]: example } });
  }
  assert.equal(new Set(settings.map((s) => s.variable)).size, settings.length);
});

test("relative paths in a file stand on its folder", () => {
  const { config } = load({
    file: "/etc/hydrascale/config.yaml",
    text: `${base}state_dir: state\nderp: {paths: [derp.yaml, /abs.yaml]}`,
  });
  assert.equal(config.unix_socket, "/etc/hydrascale/state/hydrascale.sock");
  assert.deepEqual(config.derp.paths, ["/etc/hydrascale/derp.yaml", "/abs.yaml"]);
});

test("up serves on the private address, or on the one it listens on", () => {
  const url = (input: Parameters<typeof defaultsForUp>[0]): string =>
    load({ defaults: defaultsForUp(input) }).config.server_url;
  assert.equal(url({ privateIPv4: "10.1.2.3", dir: "d" }), "http://10.1.2.3:8080");
  assert.equal(url({ privateIPv4: undefined, dir: "d" }), "http://127.0.0.1:8080");
  assert.equal(
    url({ privateIPv4: "10.1.2.3", dir: "d", listen: { host: "127.0.0.1", port: 81 } }),
    "http://127.0.0.1:81",
  );
});

test("settings hash alike when they are alike, whatever the order they were written in", () => {
  const make = (split: string): string => {
    const { config } = load({ text: `${base}dns: {nameservers: {split: ${split}}}` });
    return settingsHash(toSettings(config, { Regions: {} }, []));
  };
  assert.equal(make("{a.x: [1.1.1.1], b.x: [2.2.2.2]}"), make("{b.x: [2.2.2.2], a.x: [1.1.1.1]}"));
  assert.notEqual(make("{a.x: [1.1.1.1]}"), make("{a.x: [1.1.1.2]}"));
});

test("local DNS is overridden exactly when there are nameservers, unless said otherwise", () => {
  const override = (dns: string): boolean =>
    toSettings(load({ text: `${base}dns: ${dns}` }).config, { Regions: {} }, []).dns.overrideLocalDns;
  assert.equal(override("{}"), false);
  assert.equal(override("{nameservers: {global: [1.1.1.1]}}"), true);
  assert.equal(override("{nameservers: {global: [1.1.1.1]}, override_local_dns: false}"), false);
});

test("a file that is no mapping is refused as such", () => {
  assert.match(problems({ file: "c.yaml", text: "- a" })[0] ?? "", /^c\.yaml: must be a mapping/);
  assert.match(
    problems({ file: "c.yaml", text: "a: 1\na: 2\n" })[0] ?? "",
    /^c\.yaml:2: not valid YAML: map keys must be unique/,
  );
});
