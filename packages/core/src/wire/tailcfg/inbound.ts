// Reads what clients send. Rules of Go's decoder (protocol 13): unknown fields are ignored, null is as good as absent,
// a wrong type or a malformed key, time, prefix or endpoint refuses the whole body.

import * as z from "zod";
import { boundEndpoints, hostBounds } from "./hostinfo.ts";
import type { Hostinfo, Location } from "./hostinfo.ts";
import type { MapRequest } from "./map.ts";
import type { RegisterRequest } from "./register.ts";
import { parseGoTime, zeroTime } from "./time.ts";
import { view } from "../../lib/bytes.ts";
import { problem } from "../../lib/errors.ts";
import type { Problem } from "../../lib/errors.ts";
import { parseAddrPort, parsePrefix } from "../../lib/ip.ts";
import { err, ok } from "../../lib/result.ts";
import type { Result } from "../../lib/result.ts";
import { ZERO_DISCO_KEY, ZERO_NODE_KEY, parseDiscoKey, parseLockKey, parseNodeKey } from "../keys.ts";

const text = z.string().nullish();
const flag = z.boolean().nullish();
const int = z.int().nullish();
const float = z.number().nullish();

/** A string that `parse` reads; "" and null give undefined. */
const read = <T>(parse: (text: string) => Result<T, Problem>) =>
  z
    .string()
    .nullish()
    .transform((value, context): T | undefined => {
      if (value === undefined || value === null) return undefined;
      const parsed = parse(value);
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: "custom", message: parsed.error.message });
      return z.NEVER;
    });

/**
 * A list of which only the first `count` entries are looked at. More of them would be cut off later anyway, and a
 * mebibyte of entries of the wrong type costs a second and an issue each.
 */
const first = <S extends z.ZodType>(count: number, item: S) =>
  z.preprocess(
    (list: unknown) => (Array.isArray(list) ? list.slice(0, count) : list),
    z.array(item).nullish(),
  );

/** Go reads "" as no value. */
const checked = (count: number, good: (text: string) => boolean, name: string) =>
  first(count, z.string()).refine((list) => (list ?? []).every((entry) => entry === "" || good(entry)), {
    message: `has an entry that is no ${name}`,
  });

const time = z
  .string()
  .nullish()
  .refine((value) => typeof value !== "string" || parseGoTime(value) !== undefined, {
    message: "is not an RFC 3339 time",
  });

const hostinfo = z
  .object({
    IPNVersion: text,
    OS: text,
    OSVersion: text,
    Distro: text,
    DeviceModel: text,
    Hostname: text,
    ShieldsUp: flag,
    ShareeNode: flag,
    AllowsUpdate: flag,
    WireIngress: flag,
    IngressEnabled: flag,
    AppConnector: flag,
    RoutableIPs: checked(hostBounds.routes, (entry) => parsePrefix(entry) !== undefined, "prefix"),
    RequestTags: first(hostBounds.tags, z.string()),
    Services: first(
      hostBounds.services,
      z.object({ Proto: text, Port: z.int().min(0).max(65_535).nullish(), Description: text }),
    ),
    NetInfo: z.object({ PreferredDERP: int }).nullish(),
    sshHostKeys: first(hostBounds.sshKeys, z.string()),
    ServicesHash: text,
    Location: z
      .object({
        Country: text,
        CountryCode: text,
        City: text,
        CityCode: text,
        Latitude: float,
        Longitude: float,
        Priority: int,
      })
      .nullish(),
  })
  .nullish();

const registerRequest = z.object({
  Version: int,
  NodeKey: read(parseNodeKey),
  OldNodeKey: read(parseNodeKey),
  NLKey: read(parseLockKey),
  Auth: z.object({ AuthKey: text }).nullish(),
  Expiry: time,
  Followup: text,
  Hostinfo: hostinfo,
  Ephemeral: flag,
  NodeKeySignature: text,
  Tailnet: text,
});

const mapRequest = z.object({
  Version: int,
  Compress: text,
  KeepAlive: flag,
  NodeKey: read(parseNodeKey),
  DiscoKey: read(parseDiscoKey),
  Stream: flag,
  Hostinfo: hostinfo,
  Endpoints: checked(
    hostBounds.endpoints,
    (entry) => parseAddrPort(entry) !== undefined,
    "address with port",
  ),
  EndpointTypes: first(hostBounds.endpoints, z.int()),
  ReadOnly: flag,
  OmitPeers: flag,
});

type Known<T> = { [K in keyof T]: Exclude<T[K], null | undefined> };

/** Without the keys that hold null or undefined. */
const present = <T extends object>(from: T): Partial<Known<T>> =>
  // What is left holds neither, which is what the type says.
  Object.fromEntries(
    Object.entries(from).filter(([, value]) => value !== null && value !== undefined),
  ) as Partial<Known<T>>;

const toHostinfo = (raw: z.infer<typeof hostinfo>): Hostinfo | undefined => {
  if (raw === null || raw === undefined) return undefined;
  const { NetInfo, Services, Location, ...rest } = raw;
  const services = Services?.slice(0, hostBounds.services).map((service) => ({
    Proto: service.Proto ?? "",
    Port: service.Port ?? 0,
    Description: service.Description ?? "",
  }));
  return {
    ...present(rest),
    ...(services === undefined ? {} : { Services: services }),
    ...(NetInfo === null || NetInfo === undefined ? {} : { NetInfo: present(NetInfo) }),
    ...(Location === null || Location === undefined
      ? {}
      : { Location: present(Location) satisfies Location }),
  };
};

const where = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? "body" : path.map(String).join(".");

const parseBody = <S extends z.ZodType>(schema: S, body: Uint8Array): Result<z.infer<S>, Problem> => {
  let json: unknown;
  try {
    json = JSON.parse(view(body).toString("utf8"));
  } catch {
    return err(problem("invalid", "body: not JSON"));
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  const message = issue === undefined ? "body: invalid" : `${where(issue.path)}: ${issue.message}`;
  return err(problem("invalid", message.slice(0, 300)));
};

export const parseRegisterRequest = (body: Uint8Array): Result<RegisterRequest, Problem> => {
  const parsed = parseBody(registerRequest, body);
  if (!parsed.ok) return parsed;
  const raw = parsed.value;
  const info = toHostinfo(raw.Hostinfo);
  return ok({
    Version: raw.Version ?? 0,
    NodeKey: raw.NodeKey ?? ZERO_NODE_KEY,
    OldNodeKey: raw.OldNodeKey ?? ZERO_NODE_KEY,
    NLKey: raw.NLKey ?? "",
    Expiry: raw.Expiry ?? zeroTime,
    Followup: raw.Followup ?? "",
    Ephemeral: raw.Ephemeral ?? false,
    Tailnet: raw.Tailnet ?? "",
    ...(raw.Auth === null || raw.Auth === undefined ? {} : { Auth: { AuthKey: raw.Auth.AuthKey ?? "" } }),
    ...(info === undefined ? {} : { Hostinfo: info }),
    ...(raw.NodeKeySignature ? { NodeKeySignature: raw.NodeKeySignature } : {}),
  });
};

export const parseMapRequest = (body: Uint8Array): Result<MapRequest, Problem> => {
  const parsed = parseBody(mapRequest, body);
  if (!parsed.ok) return parsed;
  const raw = parsed.value;
  const info = toHostinfo(raw.Hostinfo);
  const types = new Map<string, number>();
  for (const [i, endpoint] of (raw.Endpoints ?? []).slice(0, hostBounds.endpoints).entries())
    for (const canonical of boundEndpoints([endpoint]))
      if (!types.has(canonical)) types.set(canonical, raw.EndpointTypes?.[i] ?? 0);
  return ok({
    Version: raw.Version ?? 0,
    Compress: raw.Compress ?? "",
    KeepAlive: raw.KeepAlive ?? false,
    NodeKey: raw.NodeKey ?? ZERO_NODE_KEY,
    DiscoKey: raw.DiscoKey ?? ZERO_DISCO_KEY,
    Stream: raw.Stream ?? false,
    Endpoints: [...types.keys()],
    EndpointTypes: [...types.values()],
    ReadOnly: raw.ReadOnly ?? false,
    OmitPeers: raw.OmitPeers ?? false,
    ...(info === undefined ? {} : { Hostinfo: info }),
  });
};
