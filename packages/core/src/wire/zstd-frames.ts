// The outside of Zstandard frames (RFC 8878, 3.1.1): a writer that compresses nothing, a reader for what it writes,
// and an upper bound for what a frame can give, which costs no decompression.

import { view } from "../lib/bytes.ts";

export class ZstdError extends Error {
  override readonly name = "ZstdError";
}

const MAGIC = 0xfd2fb528; // 28 b5 2f fd
const SKIPPABLE = 0x184d2a50; // 5x 2a 4d 18, low nibble free
const MAX_BLOCK = 128 * 1024;
const BLOCK_RAW = 0;
const BLOCK_RLE = 1;
const BLOCK_COMPRESSED = 2;

interface Block {
  readonly type: number;
  /** Where its bytes are; an RLE block has one. */
  readonly at: number;
  readonly stored: number;
  /** Bytes that it gives; an upper bound for a compressed one. */
  readonly content: number;
}

interface Frame {
  readonly contentSize: number | undefined;
  readonly blocks: readonly Block[];
  readonly end: number;
}

const need = (bytes: Uint8Array, end: number): void => {
  if (end > bytes.length) throw new ZstdError("frame cut short");
};

const readUInt = (bytes: Buffer, at: number, size: number): number => {
  need(bytes, at + size);
  if (size === 0) return 0;
  if (size < 8) return bytes.readUIntLE(at, size);
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
};

const readFrame = (bytes: Buffer, start: number): Frame => {
  const magic = readUInt(bytes, start, 4);
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
    const end = start + 8 + readUInt(bytes, start + 4, 4);
    need(bytes, end);
    return { contentSize: 0, blocks: [], end };
  }
  if (magic !== MAGIC) throw new ZstdError("not a zstd frame");
  const descriptor = readUInt(bytes, start + 4, 1); // sizeFlag(2) singleSegment(1) 0 0 checksum(1) dictFlag(2)
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const dictBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = start + 5 + (single ? 0 : 1) + dictBytes;
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  const contentSize =
    sizeBytes === 0 ? undefined : readUInt(bytes, at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  at += sizeBytes;
  const blocks: Block[] = [];
  for (let last = false; !last;) {
    const header = readUInt(bytes, at, 3); // last(1) type(2) size(21), LE
    at += 3;
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type > BLOCK_COMPRESSED || size > MAX_BLOCK) throw new ZstdError("block damaged");
    const stored = type === BLOCK_RLE ? 1 : size;
    blocks.push({ type, at, stored, content: type === BLOCK_COMPRESSED ? MAX_BLOCK : size });
    at += stored;
    need(bytes, at);
  }
  const end = at + ((descriptor & 4) === 0 ? 0 : 4);
  need(bytes, end);
  return { contentSize, blocks, end };
};

function* readFrames(bytes: Uint8Array): Generator<Frame> {
  const buffer = view(bytes);
  if (buffer.length === 0) throw new ZstdError("no frame");
  for (let at = 0; at < buffer.length;) {
    const frame = readFrame(buffer, at);
    yield frame;
    at = frame.end;
  }
}

/** At most this many bytes come out; throws ZstdError where the framing itself is wrong. */
export const contentBound = (bytes: Uint8Array): number => {
  let sum = 0;
  for (const frame of readFrames(bytes))
    sum += frame.contentSize ?? frame.blocks.reduce((total, block) => total + block.content, 0);
  return sum;
};

/** `bytes` as one frame of raw blocks. */
export const rawFrames = (bytes: Uint8Array): Buffer => {
  const length = bytes.length;
  const sizeFlag = length < 256 ? 0 : length < 65_792 ? 1 : 2;
  const sizeBytes = [1, 2, 4][sizeFlag] ?? 4;
  const count = Math.max(1, Math.ceil(length / MAX_BLOCK));
  const out = Buffer.allocUnsafe(5 + sizeBytes + count * 3 + length);
  out.writeUInt32LE(MAGIC, 0);
  out[4] = (sizeFlag << 6) | 0x20; // single segment: no window byte
  out.writeUIntLE(sizeFlag === 1 ? length - 256 : length, 5, sizeBytes);
  let at = 5 + sizeBytes;
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(i * MAX_BLOCK, (i + 1) * MAX_BLOCK);
    out.writeUIntLE((part.length << 3) | (BLOCK_RAW << 1) | (i === count - 1 ? 1 : 0), at, 3);
    out.set(part, at + 3);
    at += 3 + part.length;
  }
  return out;
};

/** Reads frames of raw and RLE blocks; throws ZstdError for compressed ones. */
export const rawDecode = (bytes: Uint8Array): Buffer => {
  const parts: Uint8Array[] = [];
  for (const frame of readFrames(bytes))
    for (const block of frame.blocks) {
      if (block.type === BLOCK_COMPRESSED) throw new ZstdError("compressed block and no decompressor");
      const stored = bytes.subarray(block.at, block.at + block.stored);
      parts.push(block.type === BLOCK_RLE ? Buffer.alloc(block.content, stored) : stored);
    }
  return Buffer.concat(parts);
};
