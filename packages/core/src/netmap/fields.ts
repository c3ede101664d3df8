// The fields of a MapResponse, one row each: how it is built, and whether clients rebuild everything for it. What is
// due is in the dirty set; what was built is sent only if it differs from what the stream was sent before. The peer
// fields (Peers, PeersChanged, PeersRemoved, PeersChangedPatch, UserProfiles) follow from node ids: see session.ts.

import type { DERPMap } from "../wire/tailcfg/derp.ts";
import type { Settings } from "../domain/directory/settings.ts";
import type { NodeClass } from "./classes.ts";
import { dnsConfig, perDevice } from "./dns.ts";
import type { Filters } from "./filters.ts";
import type { NodeView } from "./view.ts";

/** What a row may read: one stream's place in the netmap. */
export interface FieldSource {
  readonly view: NodeView;
  readonly cls: NodeClass;
  readonly capver: number;
  readonly tailnet: TailnetTexts;
  readonly filters: Filters;
}

export interface Built {
  /** Equal stamps (and `own`) mean equal content. */
  readonly stamp: string;
  readonly own?: string;
  readonly text: string;
  /** The same text goes to others too. */
  readonly shared: boolean;
}

export interface Field {
  /** Makes clients rebuild their netmap (protocol 7.5), so never in one message with a patch. */
  readonly heavy: boolean;
  readonly build: (source: FieldSource) => Built;
}

const same = (text: string): Built => ({ stamp: text, text, shared: true });

export const fields = {
  Node: {
    heavy: true,
    build: ({ view, tailnet }) => {
      const { stable, volatile } = view.self(tailnet.settings);
      return { stamp: stable, text: `${stable},${volatile}`, shared: false };
    },
  },
  DERPMap: { heavy: true, build: ({ tailnet, capver }) => same(tailnet.derpMap(capver)) },
  DNSConfig: { heavy: true, build: ({ tailnet, view }) => tailnet.dns(view) },
  Domain: { heavy: true, build: ({ tailnet }) => same(JSON.stringify(tailnet.domain)) },
  Debug: {
    heavy: true,
    build: ({ tailnet }) => same(tailnet.settings.logtail ? "{}" : '{"DisableLogTail":true}'),
  },
  PacketFilter: { heavy: false, build: ({ filters, cls, view }) => filters.filterOf(cls, view) },
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof fields;
// Object.keys of a constant gives exactly its keys.
export const fieldNames = Object.keys(fields) as FieldName[];

/** Said once, in the first message, since it never changes or is only true at that moment. */
export const firstOnly = (now: number): readonly string[] => [
  '"CollectServices":false',
  '"SSHPolicy":{"rules":[]}', // absent would mean: as before
  '"Health":[]',
  `"ControlTime":${JSON.stringify(new Date(now).toISOString())}`,
];

/** Texts that follow from one version of the settings. */
export class TailnetTexts {
  readonly settings: Settings;
  readonly domain: string;
  readonly dnsPerDevice: boolean;
  private readonly derpMapFor: (map: DERPMap, capver: number) => DERPMap;
  private readonly derpMaps = new Map<number, string>();
  private dnsText: Built | undefined;

  constructor(settings: Settings, name: string, derpMapFor: (map: DERPMap, capver: number) => DERPMap) {
    this.settings = settings;
    // An empty Domain would mean "unchanged", and clients show it as the name of the network.
    this.domain = settings.dns.baseDomain || name || "tailnet";
    this.dnsPerDevice = perDevice(settings.dns);
    this.derpMapFor = derpMapFor;
  }

  derpMap(capver: number): string {
    let text = this.derpMaps.get(capver);
    if (text === undefined) {
      if (this.derpMaps.size > 64) this.derpMaps.clear(); // versions come from clients
      text = JSON.stringify(this.derpMapFor(this.settings.derpMap, capver));
      this.derpMaps.set(capver, text);
    }
    return text;
  }

  dns(view: NodeView): Built {
    if (this.dnsText !== undefined) return this.dnsText;
    const text = JSON.stringify(dnsConfig(this.settings.dns, view));
    if (this.dnsPerDevice) return { stamp: text, text, shared: false };
    this.dnsText = same(text);
    return this.dnsText;
  }
}

/** Before any settings were stored. */
export const noSettings: Settings = {
  dns: {
    magicDns: false,
    baseDomain: "",
    overrideLocalDns: false,
    nameservers: [],
    split: {},
    searchDomains: [],
    extraRecords: [],
  },
  derpMap: { Regions: {} },
  prefixes: { v4: null, v6: null, allocation: "sequential" },
  taildrop: false,
  logtail: false,
  autoUpdate: false,
  nodeExpiry: 0,
  ephemeralTimeout: 0,
};
