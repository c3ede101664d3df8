import { test } from "node:test";
import { fuzzHttp2 } from "./testing/fuzz.ts";

/** xorshift32: the seed in a failure is all that is needed to see it again. */
function random(seed: number): (limit: number) => number {
  let state = seed >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}

function script(seed: number): Uint8Array {
  const next = random(seed);
  const bytes = new Uint8Array(next(4) === 0 ? next(1_200) : next(120));
  for (let i = 0; i < bytes.length; i++) bytes[i] = next(256);
  return bytes;
}

test("no conversation breaks the codec, and no cutting of its bytes changes the answer", () => {
  const start = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  for (let seed = start; seed < start + 200; seed++)
    try {
      fuzzHttp2(script(seed));
    } catch (failure) {
      throw new Error(`SEED=${seed}`, { cause: failure });
    }
});
