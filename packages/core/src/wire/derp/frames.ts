// The frames of the DERP relay protocol, version 2. A frame is type(1) ‖ length(4, big-endian) ‖ payload(length).
// This file knows layouts and limits only; who may send what is the relay's business.

export const derpVersion = 2;
export const headerLength = 5;
export const keyLength = 32;
export const nonceLength = 24;

export const maxPacket = 65_536;
/** Larger frames are refused whatever their type, also those that are only skipped. */
export const maxFrame = 1 << 20;
export const maxClientInfo = 256 << 10;
/** Ping and Pong are 8 bytes; both sides accept up to this. */
export const maxPing = 1000;

export const frameType = {
  serverKey: 0x01, // S→C magic(8) ‖ server key(32) ‖ later additions
  clientInfo: 0x02, // C→S client key(32) ‖ nonce(24) ‖ box
  serverInfo: 0x03, // S→C nonce(24) ‖ box
  sendPacket: 0x04, // C→S destination key(32) ‖ packet
  recvPacket: 0x05, // S→C source key(32) ‖ packet
  keepAlive: 0x06, // S→C empty
  notePreferred: 0x07, // C→S 01 = this is my home region, 00 = it is not
  peerGone: 0x08, // S→C key(32) ‖ reason(1)
  peerPresent: 0x09, // S→watcher key(32) ‖ ip(16) ‖ port(2) ‖ flags(1)
  forwardPacket: 0x0a, // mesh→S source key(32) ‖ destination key(32) ‖ packet
  watchConns: 0x10, // mesh→S empty
  closePeer: 0x11, // mesh→S key(32)
  ping: 0x12, // both, opaque
  pong: 0x13, // both, the ping's payload
  health: 0x14, // S→C UTF-8 text, empty = healthy
  restarting: 0x15, // S→C reconnect in(4) ‖ try for(4), milliseconds
} as const;

export const goneReason = { disconnected: 0x00, notHere: 0x01 } as const;
export type GoneReason = (typeof goneReason)[keyof typeof goneReason];

export interface PayloadLimits {
  readonly min: number;
  readonly max: number;
}

/** Frames a server reads. Every other type is skipped, which the protocol demands. */
export const readByServer: ReadonlyMap<number, PayloadLimits> = new Map([
  [frameType.clientInfo, { min: keyLength + nonceLength, max: maxClientInfo }],
  [frameType.sendPacket, { min: keyLength, max: keyLength + maxPacket }],
  [frameType.notePreferred, { min: 1, max: 1 }],
  [frameType.forwardPacket, { min: 2 * keyLength, max: 2 * keyLength + maxPacket }],
  [frameType.watchConns, { min: 0, max: 0 }],
  [frameType.closePeer, { min: keyLength, max: keyLength }],
  [frameType.ping, { min: 0, max: maxPing }],
  [frameType.pong, { min: 0, max: maxPing }],
]);

/** Frames a client reads. */
export const readByClient: ReadonlyMap<number, PayloadLimits> = new Map([
  [frameType.serverKey, { min: 8 + keyLength, max: 1024 }],
  [frameType.serverInfo, { min: nonceLength, max: maxFrame }],
  [frameType.recvPacket, { min: keyLength, max: keyLength + maxPacket }],
  [frameType.keepAlive, { min: 0, max: 0 }],
  [frameType.peerGone, { min: keyLength, max: 1024 }],
  [frameType.ping, { min: 0, max: maxPing }],
  [frameType.pong, { min: 0, max: maxPing }],
  [frameType.health, { min: 0, max: maxFrame }],
  [frameType.restarting, { min: 8, max: 1024 }],
]);

/** One frame, its payload made of `parts` in order. The result shares no memory with them. */
export function frame(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(headerLength + length);
  out[0] = type;
  new DataView(out.buffer).setUint32(1, length);
  let at = headerLength;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const magic = new TextEncoder().encode("DERP🔑"); // 44 45 52 50 f0 9f 94 91

export const serverKeyFrame = (key: Uint8Array): Uint8Array => frame(frameType.serverKey, magic, key);

/** The server's key out of a ServerKey payload; undefined when the magic is not there. */
export function readServerKey(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length < magic.length + keyLength || magic.some((byte, i) => payload[i] !== byte))
    return undefined;
  return new Uint8Array(payload.subarray(magic.length, magic.length + keyLength));
}

export const recvPacketFrame = (source: Uint8Array, packet: Uint8Array): Uint8Array =>
  frame(frameType.recvPacket, source, packet);

export const peerGoneFrame = (key: Uint8Array, reason: GoneReason): Uint8Array =>
  frame(frameType.peerGone, key, Uint8Array.of(reason));

export const keepAliveFrame = (): Uint8Array => frame(frameType.keepAlive);

export function restartingFrame(reconnectInMs: number, tryForMs: number): Uint8Array {
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  view.setUint32(0, reconnectInMs);
  view.setUint32(4, tryForMs);
  return frame(frameType.restarting, payload);
}

const discoMagic = [0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]; // "TS💬"
const minDisco = discoMagic.length + keyLength + nonceLength;

/** A packet of path discovery: magic(6) ‖ disco key(32) ‖ nonce(24) ‖ box. */
export const isDisco = (packet: Uint8Array): boolean =>
  packet.length >= minDisco && discoMagic.every((byte, i) => packet[i] === byte);
