// The configuration file of the child server. JSON is a subset of its format, so nothing needs quoting rules of our own.

import { publicKey } from "./identity.ts";
import type { Seeds } from "./identity.ts";
import { gatewayPermissions, projectorPermissions } from "./permissions.ts";

export interface ServerConfig {
  /** Also tells whether the server that answers on a port is ours. */
  readonly serverName: string;
  readonly port: number;
  readonly monitoringPort: number;
  readonly storeDir: string;
  readonly logFile: string;
  readonly seeds: Seeds;
  /** Off only in tests of the refusal. */
  readonly fsync: boolean;
}

export function serverConfig(config: ServerConfig): string {
  const { fsync, logFile, monitoringPort, port, seeds, serverName, storeDir } = config;
  const value = {
    server_name: serverName,
    listen: `127.0.0.1:${port}`,
    http: `127.0.0.1:${monitoringPort}`,
    log_file: logFile,
    logfile_size_limit: 8 * 1024 * 1024,
    logfile_max_num: 3,
    max_payload: 4 * 1024 * 1024,
    max_pending: 64 * 1024 * 1024,
    ping_interval: "10s",
    ping_max: 2,
    write_deadline: "5s",
    jetstream: {
      store_dir: storeDir,
      max_memory_store: 64 * 1024 * 1024,
      ...(fsync ? { sync_interval: "always" } : {}),
    },
    accounts: {
      CTL: {
        jetstream: "enabled",
        users: [
          { nkey: publicKey(seeds.admin) },
          { nkey: publicKey(seeds.gateway), permissions: gatewayPermissions },
          { nkey: publicKey(seeds.projector), permissions: projectorPermissions },
        ],
      },
    },
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
