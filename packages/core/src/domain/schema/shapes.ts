// Shapes that several schemas of the log share. Loose objects: optional fields of a newer version pass through.
// The log is written by this software alone, so the checks are of types, which is what folding relies on.

import { z } from "zod";

export const id = z.int().positive();
export const count = z.int().nonnegative();
export const millis = z.number();
export const texts = z.array(z.string());
export const orNull = <T extends z.ZodType>(schema: T): z.ZodNullable<T> => z.nullable(schema);

export const prev = z.looseObject({ seq: count, id: z.string() });

export const hostFacts = z.looseObject({
  OS: z.exactOptional(z.string()),
  OSVersion: z.exactOptional(z.string()),
  IPNVersion: z.exactOptional(z.string()),
  Hostname: z.exactOptional(z.string()),
  ShieldsUp: z.exactOptional(z.boolean()),
  ShareeNode: z.exactOptional(z.boolean()),
  sshHostKeys: z.exactOptional(texts),
  AppConnector: z.exactOptional(z.boolean()),
  Location: z.exactOptional(z.record(z.string(), z.union([z.string(), z.number()]))),
  DeviceModel: z.exactOptional(z.string()),
  Distro: z.exactOptional(z.string()),
  IngressEnabled: z.exactOptional(z.boolean()),
  WireIngress: z.exactOptional(z.boolean()),
  ServicesHash: z.exactOptional(z.string()),
  AllowsUpdate: z.exactOptional(z.boolean()),
});

export const addresses = z.looseObject({ v4: z.exactOptional(z.string()), v6: z.exactOptional(z.string()) });
export const method = z.enum(["auth-key", "cli", "oidc"]);
export const policySource = z.enum(["api", "file"]);

export const settings = z.looseObject({
  dns: z.looseObject({
    magicDns: z.boolean(),
    baseDomain: z.string(),
    overrideLocalDns: z.boolean(),
    nameservers: texts,
    split: z.record(z.string(), texts),
    searchDomains: texts,
    extraRecords: z.array(
      z.looseObject({ name: z.string(), type: z.enum(["A", "AAAA"]), value: z.string() }),
    ),
  }),
  derpMap: z.looseObject({ Regions: z.record(z.string(), z.looseObject({ RegionID: z.int() })) }),
  prefixes: z.looseObject({
    v4: orNull(z.string()),
    v6: orNull(z.string()),
    allocation: z.enum(["sequential", "random"]),
  }),
  taildrop: z.boolean(),
  logtail: z.boolean(),
  autoUpdate: z.boolean(),
  nodeExpiry: z.number(),
  ephemeralTimeout: z.number(),
});

export const result = z.discriminatedUnion("kind", [
  z.looseObject({ kind: z.literal("done") }),
  z.looseObject({ kind: z.literal("user"), user: id }),
  z.looseObject({ kind: z.literal("pre-auth-key"), key: id }),
  z.looseObject({ kind: z.literal("api-key"), key: id }),
  z.looseObject({ kind: z.literal("node"), node: id }),
  z.looseObject({ kind: z.literal("changes"), changes: texts }),
]);

export const reach = z.looseObject({
  endpoints: z.exactOptional(texts),
  discoKey: z.exactOptional(z.string()),
  derp: z.exactOptional(z.int()),
  services: z.exactOptional(z.array(z.looseObject({ Proto: z.string(), Port: z.int() }))),
});
