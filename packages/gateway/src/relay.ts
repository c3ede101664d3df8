// The embedded relay and the relay map of this gateway. Without a public certificate the relay has a self-made one,
// pinned in the map, on the same port where control may be plain http.

import { isExpired } from "@hydrascale/core/domain/expiry";
import type { Config } from "@hydrascale/core/config/schema";
import type { Clock } from "@hydrascale/core/lib/clock";
import type { Problem } from "@hydrascale/core/lib/errors";
import { ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Node } from "@hydrascale/core/domain/directory/state";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Metrics } from "@hydrascale/core/obs/metrics";
import type { DERPMap, DERPRegion } from "@hydrascale/core/wire/tailcfg/derp";
import { relayCertificate } from "./derp/certificate.ts";
import { DerpMapSource } from "./derp/map-source.ts";
import { embeddedRegion } from "./derp/region.ts";
import { DerpServer } from "./derp/server.ts";
import type { Admit } from "./derp/verify.ts";
import { readCertificate } from "./listen/certificate-files.ts";
import type { TlsMaterial } from "./listen/server.ts";
import type { Tailnet } from "./tailnet.ts";

export interface RelayOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tailnet: Tailnet;
  readonly admit: Admit;
  readonly relayKey: Uint8Array;
}

export interface OpenedRelay {
  readonly server: DerpServer | undefined;
  /** The relay map of this gateway, told anew whenever it changes. */
  readonly maps: (onChange: (map: DERPMap) => void) => DerpMapSource;
  /** What the one port answers TLS with; undefined: nothing does. */
  readonly tls: TlsMaterial | undefined;
  stop(): void;
}

export async function openRelay(options: RelayOptions): Promise<Result<OpenedRelay, Problem>> {
  const { config, clock, log } = options;
  const publicTls = await readTls(config);
  if (!publicTls.ok) return publicTls;
  const { enabled, automatically_add_embedded_derp_region: published } = config.derp.server;
  // With https and no certificate here, whoever ends TLS in front has the one that clients check.
  const needsOwn = enabled && publicTls.value === undefined && config.server_url.startsWith("http://");
  const certificate = needsOwn ? await selfMade(config, clock) : ok(undefined);
  if (!certificate.ok) return certificate;
  const region = enabled && published ? regionOf(config, certificate.value?.pin) : undefined;
  const maps = (onChange: (map: DERPMap) => void): DerpMapSource =>
    new DerpMapSource({
      urls: config.derp.urls,
      paths: config.derp.paths,
      embedded: region,
      everyMs: config.derp.auto_update_enabled ? config.derp.update_frequency : undefined,
      lastGood: options.tailnet.directory.settings.get("settings")?.settings.derpMap,
      fetch,
      clock,
      warn: (p) => log.warn(p.message),
      onChange,
    });
  const server = enabled
    ? new DerpServer({
        privateKey: options.relayKey,
        admit: config.derp.server.verify_clients ? options.admit : () => true,
        clock,
        counters: { add: (name, by) => options.metrics.inc(`derp_${name}`, {}, by) },
      })
    : undefined;
  const stopFollowing = server === undefined ? undefined : disconnectTheGone(options.tailnet, server, clock);
  return ok({ server, maps, tls: publicTls.value ?? certificate.value, stop: () => stopFollowing?.() });
}

/** A node that was deleted, expired or logged out, or that has a new key, loses its relay connection at once. */
function disconnectTheGone(tailnet: Tailnet, server: DerpServer, clock: Clock): () => void {
  return tailnet.replica.listen({
    changes: (changes) => {
      for (const change of changes) {
        if (change.table !== "nodes") continue;
        const before = change.before as Node | undefined; // rows of table nodes
        const after = change.after as Node | undefined;
        if (before === undefined) continue;
        const gone = before.nodeKey !== after?.nodeKey || isExpired(after, clock.now());
        if (gone) server.disconnect(before.nodeKey);
      }
    },
  });
}

/** undefined: no public certificate is configured. */
async function readTls(config: Config): Promise<Result<TlsMaterial | undefined, Problem>> {
  if (config.tls_cert_path === "") return ok(undefined);
  return readCertificate({ certPath: config.tls_cert_path, keyPath: config.tls_key_path });
}

const hostOf = (config: Config): string => new URL(config.server_url).hostname.replace(/^\[|\]$/g, "");

function selfMade(config: Config, clock: Clock) {
  const { ipv4, ipv6 } = config.derp.server;
  const extra = [ipv4, ipv6].filter((address) => address !== "" && address !== "none");
  return relayCertificate({ dir: config.state_dir, names: [hostOf(config), ...extra], now: clock.now() });
}

/** The embedded region, at the port of the server's URL. */
function regionOf(config: Config, pin: string | undefined): DERPRegion {
  const { region_id, region_code, region_name, ipv4, ipv6, stun_listen_addr } = config.derp.server;
  const host = hostOf(config);
  const url = new URL(config.server_url);
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return embeddedRegion({
    regionId: region_id,
    code: region_code,
    name: region_name,
    hostName: host,
    ipv4,
    ipv6,
    derpPort: port,
    stunPort: stun_listen_addr.port,
    pin,
  });
}
