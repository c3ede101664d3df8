// Frames that go to many streams: encoded once, the Buffer shared. Keyed by their text, so a key can never be stale.

import { encodeMapFrame } from "../wire/map-frame.ts";

const MAX_BYTES = 4 * 1024 * 1024;

export class SharedFrames {
  private readonly frames = new Map<string, Buffer>();
  private bytes = 0;
  /** Frames encoded so far, shared or not; for tests and metrics. */
  encoded = 0;

  encode(json: string, compress: boolean, shared: boolean): Buffer {
    if (!shared) return this.make(json, compress);
    const key = compress ? json : `plain ${json}`;
    let frame = this.frames.get(key);
    if (frame === undefined) {
      frame = this.make(json, compress);
      if (this.bytes > MAX_BYTES) {
        this.frames.clear();
        this.bytes = 0;
      }
      this.frames.set(key, frame);
      this.bytes += key.length + frame.length;
    }
    return frame;
  }

  private make(json: string, compress: boolean): Buffer {
    this.encoded += 1;
    return encodeMapFrame(json, compress);
  }
}
