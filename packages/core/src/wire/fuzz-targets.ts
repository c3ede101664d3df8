// Readers of network bytes as functions for `npm run laws` and tests: whatever comes in, a target returns or throws its
// own kind of error. Where random bytes would never pass a seal, the target damages good input as the bytes say.

import { nodeSuite } from "../crypto/node.ts";
import { view } from "../lib/bytes.ts";
import { MapFrameError, MapFrameReader, frame } from "./map-frame.ts";
import { initiate, respond } from "./noise/handshake.ts";
import { NoiseError } from "./noise/messages.ts";
import { RecordOpener, RecordSealer } from "./noise/record.ts";
import { parseMapRequest, parseRegisterRequest } from "./tailcfg/inbound.ts";
import { ZstdError, contentBound, rawDecode, rawFrames } from "./zstd-frames.ts";

export interface FuzzTarget {
  readonly name: string;
  /** Throws nothing but a bug. */
  feed(bytes: Uint8Array): void;
}

type ErrorClass = abstract new (...args: never[]) => Error;

const allowing = (allowed: ErrorClass, run: () => void): void => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof allowed)) throw error;
  }
};

/** Flips bits where consecutive triples (position 2 B, mask 1 B) say. */
const damage = (good: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(good);
  for (let i = 0; i + 2 < bytes.length; i += 3) {
    const at = (((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)) % out.length;
    out[at] = (out[at] ?? 0) ^ (bytes[i + 2] ?? 0);
  }
  return out;
};

/** Gives `wire` in pieces whose lengths come from `cuts`. */
const inPieces = (wire: Uint8Array, cuts: Uint8Array, push: (piece: Uint8Array) => void): void => {
  for (let at = 0, i = 0; at < wire.length; i++) {
    const size = 1 + (cuts[i % Math.max(1, cuts.length)] ?? 0) * 8;
    push(wire.subarray(at, at + size));
    at += size;
  }
};

const recordKey = new Uint8Array(32).fill(0x42);
const plain = Buffer.from("what the client says ".repeat(500));
const sealed = new RecordSealer(nodeSuite, recordKey).seal(plain);

const openRecords = (wire: Uint8Array, cuts: Uint8Array): void => {
  const opener = new RecordOpener(nodeSuite, recordKey);
  let at = 0;
  allowing(NoiseError, () =>
    inPieces(wire, cuts, (piece) => {
      for (const part of opener.push(piece)) {
        if (!view(part).equals(plain.subarray(at, at + part.length)))
          throw new Error("forged plaintext accepted");
        at += part.length;
      }
    }),
  );
};

const server = nodeSuite.importPrivate(new Uint8Array(32).fill(0x21));
const { initiation } = initiate({
  suite: nodeSuite,
  version: 142,
  machinePrivate: nodeSuite.importPrivate(new Uint8Array(32).fill(0x22)),
  serverPublic: server.publicKey,
});

const zstdFrame = rawFrames(plain.subarray(0, 300));

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: "noise records", feed: (bytes) => openRecords(bytes, bytes) },
  { name: "noise records, damaged", feed: (bytes) => openRecords(damage(sealed, bytes), bytes) },
  {
    name: "noise initiation",
    feed: (bytes) => {
      if (respond({ suite: nodeSuite, serverPrivate: server, initiation: bytes }).ok)
        throw new Error("random initiation accepted");
    },
  },
  {
    name: "noise initiation, damaged",
    feed: (bytes) => {
      const wire = damage(initiation, bytes);
      const same = view(wire).equals(initiation);
      if (respond({ suite: nodeSuite, serverPrivate: server, initiation: wire }).ok !== same)
        throw new Error(same ? "good initiation refused" : "damaged initiation accepted");
    },
  },
  {
    name: "noise response",
    feed: (bytes) => {
      const client = initiate({
        suite: nodeSuite,
        version: 142,
        machinePrivate: server,
        serverPublic: server.publicKey,
      });
      if (client.finish(bytes).ok) throw new Error("random response accepted");
    },
  },
  {
    name: "map frames",
    feed: (bytes) => {
      const reader = new MapFrameReader(4096);
      allowing(MapFrameError, () => inPieces(bytes, bytes, (piece) => void reader.push(piece)));
    },
  },
  {
    name: "map frames, damaged",
    feed: (bytes) => {
      const reader = new MapFrameReader(4096);
      const wire = damage(
        Buffer.concat([frame(plain.subarray(0, 10)), frame(plain.subarray(0, 900))]),
        bytes,
      );
      allowing(MapFrameError, () => inPieces(wire, bytes, (piece) => void reader.push(piece)));
    },
  },
  {
    name: "zstd frames",
    feed: (bytes) =>
      allowing(ZstdError, () => {
        contentBound(bytes);
      }),
  },
  {
    name: "zstd frames, damaged",
    feed: (bytes) => {
      const wire = damage(zstdFrame, bytes);
      allowing(ZstdError, () => {
        if (contentBound(wire) <= 1 << 20) rawDecode(wire);
      });
    },
  },
  { name: "register request", feed: (bytes) => void parseRegisterRequest(bytes) },
  { name: "map request", feed: (bytes) => void parseMapRequest(bytes) },
];
