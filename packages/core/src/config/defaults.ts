// What `hydrascale up` stands on when nothing is configured: one machine, plain http on its private address.

import { formatListen, isPrivateHost, type ListenAddress } from "./address.ts";

export interface UpMachine {
  /** The machine's first private IPv4 address; undefined when it has none. */
  readonly privateIPv4: string | undefined;
  readonly dir: string;
  /** Where clients will be served, when known before the rest; decides the port of the URL. */
  readonly listen?: ListenAddress;
}

/** Values by key, for `loadConfig({defaults})`. */
export function defaultsForUp({ privateIPv4, dir, listen }: UpMachine): Readonly<Record<string, unknown>> {
  const at = listen ?? { host: "0.0.0.0", port: 8080 };
  const bound = at.host !== "" && at.host !== "0.0.0.0" && at.host !== "::" && isPrivateHost(at.host);
  const host = bound ? at.host : (privateIPv4 ?? "127.0.0.1");
  return {
    server_url: `http://${formatListen({ host, port: at.port })}`,
    listen_addr: formatListen(at),
    state_dir: dir,
  };
}
