// ClientInfo and ServerInfo: small JSON documents in NaCl boxes. Opening a ClientInfo proves that the client owns the
// node key it names. What is not understood is ignored; a mesh key is never taken, since this relay has no mesh.
import * as box from "./box.ts";
import { derpVersion, frame, frameType, keyLength, nonceLength } from "./frames.ts";
import { DerpError } from "./parser.ts";

export interface ClientInfo {
  readonly version: number;
  readonly canAckPings: boolean;
  readonly isProber: boolean;
}

export interface ServerInfo {
  readonly version: number;
}

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** Reads a ClientInfo payload. Throws DerpError when the box does not open or holds something else. */
export function openClientInfo(
  payload: Uint8Array,
  serverPrivate: Uint8Array,
): { readonly key: Uint8Array; readonly info: ClientInfo } {
  if (payload.length < keyLength + nonceLength) throw new DerpError("client info: too short");
  const key = new Uint8Array(payload.subarray(0, keyLength));
  const fields = openJson(payload.subarray(keyLength), key, serverPrivate, "client info");
  return {
    key,
    info: {
      version: versionOf(fields),
      canAckPings: fields["CanAckPings"] === true,
      isProber: fields["IsProber"] === true,
    },
  };
}

export function clientInfoFrame(
  client: KeyPair,
  serverPublic: Uint8Array,
  nonce: Uint8Array,
  fields: Readonly<Record<string, unknown>> = { version: derpVersion, CanAckPings: true },
): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(fields));
  return frame(
    frameType.clientInfo,
    client.publicKey,
    nonce,
    box.seal(text, nonce, serverPublic, client.privateKey),
  );
}

export function serverInfoFrame(
  clientPublic: Uint8Array,
  serverPrivate: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ version: derpVersion }));
  return frame(frameType.serverInfo, nonce, box.seal(text, nonce, clientPublic, serverPrivate));
}

/** Reads a ServerInfo payload, as a client. Throws DerpError. */
export function openServerInfo(
  payload: Uint8Array,
  serverPublic: Uint8Array,
  clientPrivate: Uint8Array,
): ServerInfo {
  return { version: versionOf(openJson(payload, serverPublic, clientPrivate, "server info")) };
}

function openJson(
  sealed: Uint8Array,
  theirPublic: Uint8Array,
  myPrivate: Uint8Array,
  what: string,
): Readonly<Record<string, unknown>> {
  const text = box.open(
    sealed.subarray(nonceLength),
    sealed.subarray(0, nonceLength),
    theirPublic,
    myPrivate,
  );
  if (text === undefined) throw new DerpError(`${what}: the box does not open with this key`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(text));
  } catch {
    throw new DerpError(`${what}: not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DerpError(`${what}: not a JSON object`);
  return value as Readonly<Record<string, unknown>>; // a JSON object, checked above
}

const versionOf = (fields: Readonly<Record<string, unknown>>): number =>
  typeof fields["version"] === "number" ? fields["version"] : 0;
