// Huffman strings of HPACK (RFC 7541, 5.2 and appendix B). The code is canonical: which symbols have how many bits
// says everything. Decoding walks a table by half bytes; no code is shorter than 5 bits, so a step ends at most one.

import { ConnectionFault, code } from "./frame.ts";
import { blockBytes } from "./limits.ts";

/** Symbols by the length of their code, in the order of their codes. EOS follows the last of 30 bits. */
const symbolsByBits: readonly (readonly [bits: number, symbols: string])[] = [
  [5, "012aceiost"],
  [6, " %-./3456789=A_bdfghlmnpru"],
  [7, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"],
  [8, "&*,;XZ"],
  [10, '!"()?'],
  [11, "'+|"],
  [12, "#>"],
  [13, "\0$@[]~"],
  [14, "^}"],
  [15, "<`{"],
  [19, "\\\xc3\xd0"],
  [20, "\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"],
  [21, "\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"],
  [
    22,
    "\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9",
  ],
  [
    23,
    "\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5\xe7\xef",
  ],
  [24, "\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"],
  [25, "\xc7\xcf\xea\xeb"],
  [26, "\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"],
  [27, "\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"],
  [
    28,
    "\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9",
  ],
  [30, "\n\r\x16"],
];

const eos = 256;

/** A node of the code's tree: two children, or a symbol. */
interface Node {
  readonly depth: number;
  /** Only ones led here: what may be left over at the end of a string. */
  readonly ones: boolean;
  children: [Node, Node] | undefined;
  symbol: number;
}

const grow = (depth: number, ones: boolean): Node => ({ depth, ones, children: undefined, symbol: -1 });

function tree(): Node {
  const root = grow(0, true);
  const insert = (bits: number, path: number, symbol: number): void => {
    let node = root;
    for (let bit = bits - 1; bit >= 0; bit--) {
      node.children ??= [grow(node.depth + 1, false), grow(node.depth + 1, node.ones)];
      node = node.children[(path >>> bit) & 1 ? 1 : 0];
    }
    node.symbol = symbol;
  };
  let next = 0;
  let length = 0;
  for (const [bits, symbols] of symbolsByBits) {
    next *= 2 ** (bits - length);
    length = bits;
    for (let i = 0; i < symbols.length; i++) insert(bits, next++, symbols.charCodeAt(i));
  }
  insert(length, next, eos);
  return root;
}

const emits = 1 << 17;

/** Entry [state * 16 + nibble]: next state (9 bits), symbol << 9 and `emits`; -1 where EOS would be. */
interface Automaton {
  readonly steps: Int32Array;
  readonly mayEnd: readonly boolean[];
}

function automaton(): Automaton {
  const root = tree();
  const states: Node[] = [root];
  const numbers = new Map<Node, number>([[root, 0]]);
  // The list grows while it is walked: every inner node becomes a state.
  for (const node of states)
    for (const child of node.children ?? [])
      if (child.children !== undefined) {
        numbers.set(child, states.length);
        states.push(child);
      }
  const steps = new Int32Array(states.length * 16);
  for (const [state, from] of states.entries())
    for (let nibble = 0; nibble < 16; nibble++)
      steps[state * 16 + nibble] = step(root, from, nibble, numbers);
  return { steps, mayEnd: states.map((node) => node.ones && node.depth < 8) };
}

function step(root: Node, from: Node, nibble: number, numbers: ReadonlyMap<Node, number>): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next: Node | undefined = node.children?.[(nibble >>> bit) & 1];
    if (next === undefined || next.symbol === eos) return -1;
    node = next;
    if (node.symbol >= 0) {
      emitted = emits | (node.symbol << 9);
      node = root;
    }
  }
  return emitted | (numbers.get(node) ?? 0);
}

const { steps, mayEnd } = automaton();

const misplacedEnd = (): ConnectionFault =>
  new ConnectionFault(code.compression, "end of string inside a string");

/** The longest that a block can expand to: every symbol 5 bits. Shared, since decoding never waits. */
const scratch = Buffer.allocUnsafeSlow(Math.ceil((blockBytes * 8) / 5));

/** bytes [from, to) of a block of at most `blockBytes`. */
export function huffmanDecode(bytes: Buffer, from: number, to: number): string {
  let state = 0;
  let length = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] ?? 0;
    const high = steps[state * 16 + (byte >>> 4)] ?? -1;
    if (high < 0) throw misplacedEnd();
    if (high & emits) scratch[length++] = (high >>> 9) & 0xff;
    const low = steps[(high & 0x1ff) * 16 + (byte & 15)] ?? -1;
    if (low < 0) throw misplacedEnd();
    if (low & emits) scratch[length++] = (low >>> 9) & 0xff;
    state = low & 0x1ff;
  }
  if (mayEnd[state] !== true) throw new ConnectionFault(code.compression, "bad padding");
  return scratch.toString("latin1", 0, length);
}
