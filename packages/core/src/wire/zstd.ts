// Zstandard behind two synchronous functions. `loadZstd()` picks the best implementation once per process: the
// native or wasm build of @cloudpss/zstd, else node:zlib's where Node has it, else uncompressed ("raw") blocks,
// which are valid Zstandard too. Before loading, calls throw.

import * as zlib from "node:zlib";
import { view } from "../lib/bytes.ts";
import { contentBound, rawDecode, rawFrames } from "./zstd-frames.ts";
import { ZstdError } from "./zstd-frames.ts";

export { ZstdError } from "./zstd-frames.ts";

interface Engine {
  readonly name: string;
  compress(bytes: Uint8Array): Buffer;
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
}

// Netmaps are long runs of alike JSON: the lowest level takes most of what there is, for a fraction of the time.
const LEVEL = 1;

const packaged = async (): Promise<Engine | undefined> => {
  try {
    const module = await import("@cloudpss/zstd");
    return {
      name: `@cloudpss/zstd ${module.TYPE}`,
      compress: (bytes) => view(module.compress(bytes, LEVEL)),
      decompress: (bytes) => view(module.decompress(bytes)),
    };
  } catch {
    return undefined; // not built for this platform
  }
};

/** zlib's functions as far as they are used here; Node 20 has none of them, 22.15 and up has all. */
interface MaybeZlib {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Buffer;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Buffer;
}

const builtIn = (): Engine | undefined => {
  const { zstdCompressSync, zstdDecompressSync } = zlib as MaybeZlib;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined;
  const compressionLevel = 100; // ZSTD_c_compressionLevel
  return {
    name: "node:zlib",
    compress: (bytes) => zstdCompressSync(bytes, { params: { [compressionLevel]: LEVEL } }),
    decompress: (bytes, maxBytes) => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }),
  };
};

const raw: Engine = { name: "raw blocks", compress: rawFrames, decompress: rawDecode };

let engine: Engine | undefined;

/** Loads an implementation, once; answers its name. */
export const loadZstd = async (): Promise<string> => {
  engine ??= (await packaged()) ?? builtIn() ?? raw;
  return engine.name;
};

const loaded = (): Engine => {
  if (engine === undefined) throw new Error("loadZstd() was not awaited");
  return engine;
};

/** One whole frame without history: the same input gives the same bytes for the life of the process. */
export const compress = (bytes: Uint8Array): Buffer => loaded().compress(bytes);

/** Throws ZstdError when the bytes are not whole frames or would give more than `maxBytes`. */
export const decompress = (bytes: Uint8Array, maxBytes: number): Buffer => {
  // The bound is checked on the headers: decoders allocate what a header claims.
  if (contentBound(bytes) > maxBytes) throw new ZstdError(`content may exceed ${maxBytes} bytes`);
  let out: Buffer;
  try {
    out = loaded().decompress(bytes, maxBytes);
  } catch (error) {
    throw new ZstdError("content damaged", { cause: error });
  }
  if (out.length > maxBytes) throw new ZstdError(`content exceeds ${maxBytes} bytes`);
  return out;
};
