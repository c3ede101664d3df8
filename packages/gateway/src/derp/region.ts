// The embedded relay as clients see it in the relay map, and the form of a map that older clients understand.
import { parseAddr } from "@hydrascale/core/lib/ip";
import { since } from "@hydrascale/core/wire/tailcfg/capability";
import type { DERPMap, DERPNode, DERPRegion } from "@hydrascale/core/wire/tailcfg/derp";

export interface EmbeddedRelay {
  readonly regionId: number;
  readonly code: string;
  readonly name: string;
  /** Name or address without a port: clients compare it with the certificate and put it into challenges. */
  readonly hostName: string;
  /** Address, `none`, or empty: taken from a hostName that is one, else clients resolve the name. */
  readonly ipv4: string;
  /** Address, `none`, or empty: taken from a hostName that is one, else `none`. */
  readonly ipv6: string;
  readonly derpPort: number;
  /** -1 = no STUN. */
  readonly stunPort: number;
  /** `sha256-raw:<hex>` of a self-made certificate. */
  readonly pin: string | undefined;
}

const pinPrefix = "sha256-raw:";

export function embeddedRegion(relay: EmbeddedRelay): DERPRegion {
  const literal = parseAddr(relay.hostName)?.family;
  const node: DERPNode = {
    Name: `${relay.regionId}a`,
    RegionID: relay.regionId,
    HostName: relay.hostName,
    IPv4: relay.ipv4 || (literal === undefined ? "" : literal === 4 ? relay.hostName : "none"),
    // Never empty: a dual-stack client would probe an address that does not answer, and its first `up` waits 3 s for
    // that (measured by others: 6 s instead of 2-3 s).
    IPv6: relay.ipv6 || (literal === 6 ? relay.hostName : "none"),
    STUNPort: relay.stunPort,
    DERPPort: relay.derpPort,
  };
  if (relay.pin !== undefined) node.CertName = relay.pin;
  return { RegionID: relay.regionId, RegionCode: relay.code, RegionName: relay.name, Nodes: [node] };
}

const forOlder = new WeakMap<DERPMap, DERPMap>();

/**
 * The map as a client of this version can use it. Clients from before certificate pins do not verify a pinned node at
 * all. Gives the same object again for the same map, so that encodings can be shared.
 */
export function forClient(map: DERPMap, capver: number): DERPMap {
  if (capver >= since.certPin) return map;
  let older = forOlder.get(map);
  if (older === undefined) {
    older = unpinned(map);
    forOlder.set(map, older);
  }
  return older;
}

function unpinned(map: DERPMap): DERPMap {
  const pinned = (node: DERPNode): boolean => node.CertName?.startsWith(pinPrefix) === true;
  const regions = Object.entries(map.Regions);
  if (!regions.some(([, region]) => region.Nodes.some(pinned))) return map;
  return {
    ...map,
    Regions: Object.fromEntries(
      regions.map(([id, region]) => [
        id,
        { ...region, Nodes: region.Nodes.map((node) => (pinned(node) ? unverified(node) : node)) },
      ]),
    ),
  };
}

function unverified(node: DERPNode): DERPNode {
  const copy: DERPNode = { ...node, InsecureForTests: true };
  delete copy.CertName;
  return copy;
}
