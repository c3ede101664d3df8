// Any bytes as a client's side of a conversation: they choose frames that are right, nearly right, or nonsense. Half of
// the conversations are polite nearly to the end, since a fault ends everything that could still go wrong.

import { frame, frameType } from "../frame.ts";
import { contentLength, headBlock, opening, requestBlock, settings, word } from "./peer.ts";

export const filler = Buffer.alloc(100_000, 7);

/** Reads the bytes as choices; past their end every choice is the first. */
class Script {
  private readonly bytes: Uint8Array;
  private readonly polite: boolean;
  private at = 1;
  private next = 1;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.polite = (bytes[0] ?? 0) % 2 === 0;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  pick(choices: number): number {
    return (this.bytes[this.at++] ?? 0) % choices;
  }

  /** Seldom in a polite conversation, half of the time in others. */
  get rude(): boolean {
    return this.pick(this.polite ? 60 : 2) === 1;
  }

  some(most: number): Buffer {
    const out = Buffer.alloc(this.pick(most + 1));
    for (let i = 0; i < out.length; i++) out[i] = this.pick(256);
    return out;
  }

  fresh(): number {
    this.next += 2;
    return this.next - 2;
  }

  /** A stream of late, or any at all. */
  stream(): number {
    if (this.rude) return this.pick(40);
    return this.next === 1 ? 1 : Math.max(1, this.next - 2 * (1 + this.pick(5)));
  }

  block(): Buffer {
    return this.pick(5) === 0 ? headBlock : requestBlock(`/${this.pick(4)}`, 2 + this.pick(2));
  }
}

const rudeNumbers = [0, 1, 16_384, 65_535, 0x7fff_ffff, 0xffff_ffff];
const politeNumbers = [1, 100, 16_384, 65_535, 100_000];

function number(script: Script): number {
  const from = script.rude ? rudeNumbers : politeNumbers;
  return from[script.pick(from.length)] ?? 0;
}

export function conversation(bytes: Uint8Array): Buffer {
  const script = new Script(bytes);
  const parts =
    script.pick(40) === 39 ? [] : [opening, frame(frameType.headers, 5, script.fresh(), requestBlock())];
  while (!script.done && parts.length < 400) parts.push(script.rude ? nonsense(script) : sense(script));
  const whole = Buffer.concat(parts);
  return (bytes[1] ?? 0) % 4 === 3 ? damaged(whole, bytes) : whole;
}

/** Some bits flipped after the preface. */
function damaged(whole: Buffer, bytes: Uint8Array): Buffer {
  for (let i = 2; i + 1 < Math.min(bytes.length, 14); i += 3) {
    const at = 33 + ((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)) % Math.max(1, whole.length - 33));
    if (at < whole.length) whole[at] = (whole[at] ?? 0) ^ (bytes[i + 2] ?? 1);
  }
  return whole;
}

function sense(script: Script): Buffer {
  switch (script.pick(11)) {
    case 0:
    case 1:
      return frame(frameType.headers, 5, script.fresh(), script.block());
    case 2:
      return frame(frameType.headers, 4, script.fresh(), script.block());
    case 3:
      return post(script);
    case 4: {
      const [stream, whole] = [script.fresh(), script.block()];
      const cut = script.pick(whole.length);
      return Buffer.concat([
        frame(frameType.headers, script.pick(2), stream, whole.subarray(0, cut)),
        frame(frameType.continuation, 4, stream, whole.subarray(cut)),
      ]);
    }
    case 5:
      return frame(
        frameType.data,
        script.pick(2),
        script.stream(),
        filler.subarray(0, script.pick(256) * 60),
      );
    case 6:
      return frame(frameType.reset, 0, script.stream(), word(script.pick(14)));
    case 7:
      return settings([4, number(script)]);
    case 8:
      return frame(frameType.ping, script.pick(2), 0, Buffer.alloc(8, 1));
    case 9:
      return frame(frameType.windowUpdate, 0, script.stream(), word(number(script)));
    default:
      return frame(frameType.windowUpdate, 0, 0, word(number(script)));
  }
}

/** Announced and sent in pieces; once in a while a byte too few. */
function post(script: Script): Buffer {
  const stream = script.fresh();
  const body = filler.subarray(0, script.pick(200) * 150);
  const head = Buffer.concat([requestBlock(), contentLength(body.length + (script.pick(9) === 8 ? 1 : 0))]);
  const frames = [frame(frameType.headers, 4, stream, head)];
  for (let at = 0; at < body.length; at += 5_000)
    frames.push(frame(frameType.data, 0, stream, body.subarray(at, at + 5_000)));
  frames.push(frame(frameType.data, 1, stream));
  return Buffer.concat(frames);
}

function nonsense(script: Script): Buffer {
  switch (script.pick(9)) {
    case 0:
      return frame(frameType.data, script.pick(16), script.stream(), script.some(20));
    case 1:
      return settings([script.pick(8), number(script)], [script.pick(8), number(script)]);
    case 2:
      return frame(frameType.priority, 0, script.stream(), Buffer.alloc(5, script.pick(3)));
    case 3:
      return frame(frameType.headers, script.pick(64), script.fresh(), script.some(40));
    case 4:
      return frame(frameType.headers, 5, script.stream(), Buffer.from([0x82]));
    case 5:
      return frame(frameType.goaway, 0, 0, Buffer.alloc(8));
    case 6:
      return frame(script.pick(256), script.pick(256), script.stream(), script.some(30));
    case 7:
      return script.some(30);
    default:
      return frame(script.pick(10), script.pick(256), script.pick(5), script.some(20));
  }
}
