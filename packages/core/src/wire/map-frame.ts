// Messages of a map stream (protocol 6.3): length(4,LE) body(length), body = JSON, usually zstd.
// Hazard (protocol 6.4): clients remember the bytes of the keep-alive in a buffer that later messages overwrite, and
// skip whatever equals it. A message whose body is as long as the keep-alive's may be dropped, so none is.

import { utf8 } from "../lib/bytes.ts";
import { rawFrames } from "./zstd-frames.ts";
import { compress } from "./zstd.ts";

export const MAP_HEADER_BYTES = 4; // length(4,LE)
export const MAX_MAP_BODY_BYTES = 16 * 1024 * 1024;
export const KEEP_ALIVE_JSON = '{"KeepAlive":true}';

export class MapFrameError extends Error {
  override readonly name = "MapFrameError";
}

export const frame = (body: Uint8Array): Buffer => {
  if (body.length === 0 || body.length > MAX_MAP_BODY_BYTES)
    throw new MapFrameError(`map message of ${body.length} bytes`);
  const out = Buffer.allocUnsafe(MAP_HEADER_BYTES + body.length);
  out.writeUInt32LE(body.length, 0);
  out.set(body, MAP_HEADER_BYTES);
  return out;
};

// A raw block, so that the bytes do not depend on which compressor is loaded.
const compressedKeepAlive = rawFrames(utf8(KEEP_ALIVE_JSON)); // 27 B
const plainKeepAlive = utf8(KEEP_ALIVE_JSON); // 18 B

/** The same bytes each time; a fresh copy, since streams may keep what they are given. */
export const keepAliveFrame = (compressed: boolean): Buffer =>
  frame(compressed ? compressedKeepAlive : plainKeepAlive);

/** More JSON whitespace than both keep-alives are long. */
const padding = " ".repeat(64);

/** A message for the stream. The client has asked for `compressed`; real clients always do. */
export const encodeMapFrame = (json: string, compressed: boolean): Buffer => {
  if (json === KEEP_ALIVE_JSON) return keepAliveFrame(compressed);
  const text = utf8(json);
  if (!compressed) return frame(text.length === plainKeepAlive.length ? utf8(json + padding) : text);
  const body = compress(text);
  return frame(body.length === compressedKeepAlive.length ? rawFrames(utf8(json + padding)) : body);
};

/** Cuts a stream into bodies; for simulated clients and tests. After an error it is finished. */
export class MapFrameReader {
  private readonly maxBody: number;
  private parts: Uint8Array[] = [];
  private held = 0;
  /** Bytes that the message at the front takes, as far as its header has come. */
  private wanted = MAP_HEADER_BYTES;
  private failure: MapFrameError | undefined;

  constructor(maxBody = MAX_MAP_BODY_BYTES) {
    this.maxBody = maxBody;
  }

  /** Bodies that `chunk` completes. What is kept is copied; at most one message is held. */
  push(chunk: Uint8Array): Buffer[] {
    if (this.failure !== undefined) throw this.failure;
    this.parts.push(chunk);
    this.held += chunk.length;
    if (this.held < this.wanted) {
      this.parts[this.parts.length - 1] = new Uint8Array(chunk);
      return [];
    }
    const buffer = Buffer.concat(this.parts);
    const bodies: Buffer[] = [];
    let at = 0;
    this.wanted = MAP_HEADER_BYTES;
    while (buffer.length - at >= MAP_HEADER_BYTES) {
      const end = at + MAP_HEADER_BYTES + this.checked(buffer.readUInt32LE(at));
      if (end > buffer.length) {
        this.wanted = end - at;
        break;
      }
      bodies.push(buffer.subarray(at + MAP_HEADER_BYTES, end));
      at = end;
    }
    this.parts = at < buffer.length ? [new Uint8Array(buffer.subarray(at))] : [];
    this.held = buffer.length - at;
    return bodies;
  }

  private checked(length: number): number {
    if (length > 0 && length <= this.maxBody) return length;
    this.parts = [];
    this.failure = new MapFrameError(`map message of ${length} bytes`);
    throw this.failure;
  }
}
