// The server under test of the conformance suite: verbs start, stop, kill, startreplica. See the suite's own contract.
import { end, launch, pidsOf, print, run, start } from "./up-process.mjs";

const list = (text) => (text === "" ? [] : text.split(","));
const split = (text) =>
  Object.fromEntries(
    (text === "" ? [] : text.split(";")).map((one) => [
      one.slice(0, one.indexOf("=")),
      list(one.slice(one.indexOf("=") + 1)),
    ]),
  );

const defaults = {
  port: "0",
  base_domain: "conf.test",
  magic_dns: "true",
  policy_mode: "database",
  policy_path: "",
  ephemeral_timeout: "30m",
  node_expiry: "0",
  derp: "file",
  derp_map: "",
  nameservers: "1.1.1.1",
  override_local_dns: "true",
  split: "",
  search: "",
  extra_records: "[]",
  extra_records_path: "",
  taildrop: "true",
  prefix_v4: "100.64.0.0/10",
  prefix_v6: "fd7a:115c:a1e0::/48",
  ip_alloc: "sequential",
  ha_probe_interval: "10s",
  ha_probe_timeout: "5s",
  auto_update: "false",
};

function configOf(settings) {
  const s = { ...defaults, ...settings };
  const embedded = s.derp === "embedded" || s.derp_map === "";
  return {
    server_url: `http://127.0.0.1:${s.port}`,
    listen_addr: `127.0.0.1:${s.port}`,
    metrics_listen_addr: "",
    prefixes: { v4: s.prefix_v4, v6: s.prefix_v6, allocation: s.ip_alloc },
    policy: { mode: s.policy_mode, ...(s.policy_path === "" ? {} : { path: s.policy_path }) },
    node: { expiry: s.node_expiry, ephemeral: { inactivity_timeout: s.ephemeral_timeout } },
    derp: {
      server: {
        enabled: embedded,
        region_id: 999,
        region_code: "conf",
        region_name: "Conformance",
        stun_listen_addr: `127.0.0.1:${Number(s.port) + 1}`,
        ipv4: "127.0.0.1",
        ipv6: "none",
      },
      paths: s.derp_map === "" ? [] : [s.derp_map],
    },
    dns: {
      magic_dns: s.magic_dns === "true",
      base_domain: s.base_domain,
      override_local_dns: s.override_local_dns === "true",
      nameservers: { global: list(s.nameservers), split: split(s.split) },
      search_domains: list(s.search),
      ...(s.extra_records_path === ""
        ? { extra_records: JSON.parse(s.extra_records) }
        : { extra_records_path: s.extra_records_path }),
    },
    taildrop: { enabled: s.taildrop === "true" },
    auto_update: { enabled: s.auto_update === "true" },
    log: { level: "info" },
  };
}

/** Routers are not probed yet: there is one gateway's primary election to come with the policy's routes. */
const waits = { ha_probe_interval: "0", ha_probe_timeout: "0" };

run(async () => {
  const [verb, dir, ...rest] = process.argv.slice(2);
  if (verb === "start") {
    const [replicas, ...pairs] = rest;
    if (replicas !== "1") throw Object.assign(new Error("hydrascale up is one replica"), { exitCode: 3 });
    const settings = Object.fromEntries(
      pairs.map((p) => [p.slice(0, p.indexOf("=")), p.slice(p.indexOf("=") + 1)]),
    );
    const ready = await start(dir, configOf(settings), { flags: ["--no-auth-key"] });
    print({
      control: [ready.control],
      api: ready.api,
      apikey: ready.apiKey,
      pids: pidsOf(dir),
      effective: waits,
    });
  } else if (verb === "stop") await end(dir, "SIGTERM");
  else if (verb === "kill") await end(dir, "SIGKILL");
  else if (verb === "startreplica") print({ pid: (await launch(dir)).pids.up });
  else throw Object.assign(new Error(`unknown verb ${verb}`), { exitCode: 2 });
});
