// DERPMap family (protocol 8.5).

export interface DERPMap {
  /** null/absent = keep what the client has. */
  HomeParams?: { RegionScore?: Record<string, number> };
  /** Keyed by decimal region id; never a null entry (older clients crash on one). */
  Regions: Record<string, DERPRegion>;
}

export interface DERPRegion {
  RegionID: number; // 1..65535, equals the key
  RegionCode: string;
  RegionName: string;
  Latitude?: number;
  Longitude?: number;
  Avoid?: boolean;
  NoMeasureNoHome?: boolean; // ≥ 115
  Nodes: DERPNode[];
}

export interface DERPNode {
  Name: string; // unique
  RegionID: number;
  HostName: string; // TLS SNI
  /** Alternative certificate name; `sha256-raw:<64 hex>` pins a leaf (≥ 1.82, capver 115). */
  CertName?: string;
  IPv4?: string; // "" = DNS, "none" = family off
  IPv6?: string; // "" = DNS, "none" = family off
  STUNPort?: number; // 0 = 3478, -1 = off
  STUNOnly?: boolean;
  DERPPort?: number; // 0 = 443
  InsecureForTests?: boolean;
  STUNTestIP?: string;
  CanPort80?: boolean;
}
