// Fuzzed input for every reader of network bytes: pure noise, and good input that is damaged. A reader answers or
// throws its own kind of error; anything else breaks the law, and so does a heap that grows.

import { DerpError } from "@hydrascale/core/wire/derp/parser";
import { publicKeyOf } from "@hydrascale/core/wire/derp/box";
import { fuzzClientInfo, fuzzClientStream, fuzzServerStream } from "@hydrascale/core/wire/derp/fuzz";
import { clientInfoFrame } from "@hydrascale/core/wire/derp/info";
import { frame, frameType, headerLength, serverKeyFrame } from "@hydrascale/core/wire/derp/frames";
import { fuzzTargets } from "@hydrascale/core/wire/fuzz-targets";
import { fuzzHttp2 } from "@hydrascale/gateway/http2/codec/testing/fuzz";
import { parseStunRequest, stunRequest } from "@hydrascale/core/wire/stun";
import { Random } from "../support/history.ts";

interface Target {
  readonly name: string;
  /** How often it is chosen: what costs a key agreement comes seldom. */
  readonly weight: number;
  readonly input: (random: Random) => Uint8Array;
  readonly feed: (bytes: Uint8Array) => void;
}

const noise = (random: Random): Uint8Array => random.bytes(random.int(random.chance(10) ? 2000 : 120));

/** Some bits flipped, a piece cut out, doubled or made up. */
function damaged(random: Random, good: Uint8Array): Uint8Array {
  let bytes = Buffer.from(good);
  for (let i = random.int(4); i > 0 && bytes.length > 0; i--) {
    const at = random.int(bytes.length);
    const end = Math.min(bytes.length, at + random.int(20));
    const kind = random.int(4);
    if (kind === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.int(20)), bytes.subarray(at)]);
  }
  return bytes;
}

const allowing = (run: (bytes: Uint8Array) => void) => (bytes: Uint8Array) => {
  try {
    run(bytes);
  } catch (error) {
    if (!(error instanceof DerpError)) throw error;
  }
};

const derpTypes = Object.values(frameType);
const derpFrames = (random: Random): Uint8Array =>
  damaged(
    random,
    Buffer.concat([
      serverKeyFrame(random.bytes(32)),
      ...Array.from({ length: 1 + random.int(4) }, () =>
        frame(random.pick(derpTypes), random.bytes(random.pick([0, 1, 8, 32, 33, 64, 200]))),
      ),
    ]),
  );

const sender = new Uint8Array(32).fill(5);
/** Whose box the fuzz entry opens. */
const receiver = publicKeyOf(new Uint8Array(32).fill(7));
const clientInfo = clientInfoFrame(
  { privateKey: sender, publicKey: publicKeyOf(sender) },
  receiver,
  new Uint8Array(24).fill(3),
).subarray(headerLength);
fuzzClientInfo(clientInfo); // undamaged it opens, so that damage reaches behind the seal's length

const targets: readonly Target[] = [
  ...fuzzTargets.map((target) => ({
    name: target.name,
    weight: /initiation, damaged|response/.test(target.name) ? 1 : 12,
    input: noise,
    feed: (bytes: Uint8Array) => target.feed(bytes),
  })),
  { name: "derp from a client", weight: 20, input: derpFrames, feed: allowing(fuzzServerStream) },
  { name: "derp from a server", weight: 20, input: derpFrames, feed: allowing(fuzzClientStream) },
  {
    name: "derp client info",
    weight: 1,
    input: (random) => damaged(random, clientInfo),
    feed: allowing(fuzzClientInfo),
  },
  { name: "http2", weight: 15, input: (random) => random.bytes(20 + random.int(200)), feed: fuzzHttp2 },
  { name: "stun, noise", weight: 10, input: noise, feed: (bytes) => void parseStunRequest(bytes) },
  {
    name: "stun, damaged",
    weight: 15,
    input: (random) => damaged(random, stunRequest(random.bytes(12))),
    feed: (bytes) => void parseStunRequest(bytes),
  },
];

const urn = targets.flatMap((target) => Array.from({ length: target.weight }, () => target));

export function checkFrame(seed: number): void {
  const random = new Random(seed);
  const target = random.pick(urn);
  const bytes = target.input(random);
  try {
    target.feed(bytes);
  } catch (error) {
    throw new Error(`${target.name}: ${Buffer.from(bytes).toString("hex")}`, { cause: error });
  }
}
