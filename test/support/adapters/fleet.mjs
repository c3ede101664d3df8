// The server for the load generator: verbs start, restart, authkey, policy, version, stop. See the tool's own contract.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { end, launch, pidsOf, print, run, start } from "./up-process.mjs";

const [verb, ...rest] = process.argv.slice(2);
const dir = verb === "start" ? (rest[0] ?? "") : (process.env.FLEET_DIR ?? "");
const port = Number(process.env.HYDRASCALE_PORT ?? "18280");

/** A port of our own in the environment is the adapter's, not a setting of the server. */
const env = { HYDRASCALE_PORT: undefined };

function config() {
  const derp = join(dir, "derp.yaml");
  // The same small map as every other server gets here, so that full maps are of a size.
  writeFileSync(
    derp,
    JSON.stringify({
      regions: {
        900: {
          regionid: 900,
          regioncode: "lab",
          regionname: "Lab",
          nodes: [
            {
              name: "900a",
              regionid: 900,
              hostname: "derp.lab.test",
              ipv4: "192.0.2.1",
              stunport: 3478,
              derpport: 443,
            },
          ],
        },
      },
    }),
  );
  return {
    server_url: `http://127.0.0.1:${port}`,
    listen_addr: `127.0.0.1:${port}`,
    metrics_listen_addr: "",
    derp: { server: { enabled: false }, paths: [derp] },
    dns: {
      magic_dns: true,
      base_domain: "fleet.test",
      override_local_dns: true,
      nameservers: { global: ["192.0.2.53"] },
    },
    log: { level: "warn" },
  };
}

const report = (ready) => {
  writeFileSync(join(dir, "ready-kept.json"), JSON.stringify(ready));
  print({
    control: [ready.control],
    api: ready.api,
    apikey: ready.apiKey,
    pids: pidsOf(dir),
    log: join(dir, "server.log"),
  });
};

run(async () => {
  delete process.env.HYDRASCALE_PORT;
  switch (verb) {
    case "start": {
      if ((rest[1] ?? "1") !== "1")
        throw Object.assign(new Error("hydrascale up is one replica"), { exitCode: 2 });
      mkdirSync(dir, { recursive: true });
      return report(await start(dir, config(), { env }));
    }
    case "restart": {
      const kept = JSON.parse(readFileSync(join(dir, "ready-kept.json"), "utf8"));
      await end(dir, "SIGKILL");
      const ready = await launch(dir);
      return report({ ...kept, pids: ready.pids });
    }
    case "version":
      return process.stdout.write(
        `hydrascale ${JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")).version}\n`,
      );
    case "stop":
      return end(dir, "SIGTERM");
    default:
      throw Object.assign(new Error(`unknown verb ${verb}: users, keys and policies go through the API`), {
        exitCode: 2,
      });
  }
});
