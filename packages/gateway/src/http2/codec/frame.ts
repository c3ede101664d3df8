// Frames of RFC 9113, section 4: length(3) type(1) flags(1) stream(4, highest bit ignored) payload(length).
// The reader gives whole frames however the bytes are cut; it holds at most one frame.

import { frameBytes } from "./limits.ts";

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const code = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;
export type Code = (typeof code)[keyof typeof code];

/** Ends the connection. Thrown inside the codec only, and caught where bytes enter it. */
export class ConnectionFault extends Error {
  readonly code: Code;

  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

export const headBytes = 9;
const nothing = Buffer.alloc(0);
const opening = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

function writeHead(out: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
  out.writeUIntBE(length, at, 3);
  out[at + 3] = type;
  out[at + 4] = flags;
  out.writeUInt32BE(id, at + 5);
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = nothing): Buffer {
  const out = Buffer.allocUnsafe(headBytes + payload.length);
  writeHead(out, 0, payload.length, type, flags, id);
  out.set(payload, headBytes);
  return out;
}

/** The head alone of a DATA frame: its payload follows by reference. */
export function dataHead(length: number, last: boolean, id: number): Buffer {
  const out = Buffer.allocUnsafe(headBytes);
  writeHead(out, 0, length, frameType.data, last ? flag.endStream : 0, id);
  return out;
}

/** RST_STREAM and WINDOW_UPDATE: a payload of one word. */
export function wordFrame(type: number, id: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(headBytes + 4);
  writeHead(out, 0, 4, type, 0, id);
  out.writeUInt32BE(value, headBytes);
  return out;
}

export function goawayFrame(lastStream: number, reason: Code): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32BE(lastStream, 0);
  payload.writeUInt32BE(reason, 4);
  return frame(frameType.goaway, 0, 0, payload);
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}

/** HEADERS, and CONTINUATION for what does not fit; one buffer, since nothing may come between them. */
export function headersFrames(id: number, block: Buffer, last: boolean): Buffer {
  const end = last ? flag.endStream : 0;
  if (block.length <= frameBytes) return frame(frameType.headers, flag.endHeaders | end, id, block);
  const frames = [frame(frameType.headers, end, id, block.subarray(0, frameBytes))];
  for (let at = frameBytes; at < block.length; at += frameBytes) {
    const flags = at + frameBytes >= block.length ? flag.endHeaders : 0;
    frames.push(frame(frameType.continuation, flags, id, block.subarray(at, at + frameBytes)));
  }
  return Buffer.concat(frames);
}

export interface FrameSink {
  /** `payload` is only a view on what the transport gave. */
  frame(type: number, flags: number, id: number, payload: Buffer): void;
}

/** A client's side of the connection: the preface, then frames. */
export class FrameReader {
  private prefaced = 0;
  private readonly head = Buffer.alloc(headBytes);
  private headHeld = 0;
  private payload: Buffer | undefined;
  private payloadHeld = 0;

  push(chunk: Buffer, sink: FrameSink): void {
    let at = this.preface(chunk);
    while (at < chunk.length) {
      if (this.headHeld === 0 && chunk.length - at >= headBytes) {
        const end = at + headBytes + payloadLength(chunk, at);
        if (end <= chunk.length) {
          deliver(chunk, at, chunk.subarray(at + headBytes, end), sink);
          at = end;
          continue;
        }
      }
      at = this.collect(chunk, at, sink);
    }
  }

  private preface(chunk: Buffer): number {
    let at = 0;
    while (this.prefaced < opening.length && at < chunk.length) {
      if (chunk[at++] !== opening[this.prefaced++]) throw new ConnectionFault(code.protocol, "no preface");
    }
    return at;
  }

  /** Takes what belongs to a frame that came in pieces; answers where the rest of the chunk begins. */
  private collect(chunk: Buffer, from: number, sink: FrameSink): number {
    let at = from;
    if (this.headHeld < headBytes) {
      const taken = chunk.copy(this.head, this.headHeld, at, at + headBytes - this.headHeld);
      this.headHeld += taken;
      at += taken;
      if (this.headHeld < headBytes) return at;
      this.payload = Buffer.allocUnsafeSlow(payloadLength(this.head, 0));
      this.payloadHeld = 0;
    }
    const payload = this.payload ?? nothing;
    const taken = chunk.copy(payload, this.payloadHeld, at, at + payload.length - this.payloadHeld);
    this.payloadHeld += taken;
    if (this.payloadHeld === payload.length) {
      this.headHeld = 0;
      this.payload = undefined;
      deliver(this.head, 0, payload, sink);
    }
    return at + taken;
  }
}

function deliver(head: Buffer, at: number, payload: Buffer, sink: FrameSink): void {
  sink.frame(head[at + 3] ?? 0, head[at + 4] ?? 0, head.readUInt32BE(at + 5) & 0x7fff_ffff, payload);
}

function payloadLength(head: Buffer, at: number): number {
  const length = head.readUIntBE(at, 3);
  if (length > frameBytes) throw new ConnectionFault(code.frameSize, "frame too large");
  return length;
}
