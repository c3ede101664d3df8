// The server for the lab with real clients: verbs start, stop, kill-replica, start-replica; the lab's addresses come
// in LAB_* variables. See the lab's own contract.
import { end, launch, pidsOf, print, run, start } from "./up-process.mjs";

const {
  LAB_DIR: dir = "",
  LAB_ADDR: addr = "",
  LAB_URL: url = "",
  LAB_CERT: cert = "",
  LAB_KEY: key = "",
} = process.env;

const config = () => ({
  server_url: url,
  listen_addr: `${addr}:${new URL(url).port}`,
  metrics_listen_addr: "",
  ...(url.startsWith("https:") ? { tls_cert_path: cert, tls_key_path: key } : {}),
  derp: {
    server: {
      enabled: true,
      region_id: 900,
      region_code: "lab",
      region_name: "Lab",
      stun_listen_addr: `${addr}:3478`,
      ipv4: addr,
      ipv6: "none",
    },
  },
  node: { ephemeral: { inactivity_timeout: "20s" } },
  dns: {
    magic_dns: true,
    base_domain: "lab.example",
    override_local_dns: false,
    nameservers: { global: [] },
  },
  log: { level: process.env.LAB_LOG_LEVEL ?? "info" },
});

run(async () => {
  const [verb, ...rest] = process.argv.slice(2);
  if (verb === "start") {
    const [folder, replicas] = rest;
    if (replicas !== "1") throw Object.assign(new Error("hydrascale up is one replica"), { exitCode: 3 });
    const ready = await start(folder, config());
    print({ control: [ready.control], api: ready.api, apikey: ready.apiKey, pids: pidsOf(folder) });
  } else if (verb === "stop") await end(dir, "SIGTERM");
  else if (verb === "kill-replica") await end(dir, "SIGKILL");
  else if (verb === "start-replica") await launch(dir);
  else throw Object.assign(new Error(`unknown verb ${verb}`), { exitCode: 2 });
});
