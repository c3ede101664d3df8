// Header blocks in (RFC 7541). The dynamic table is the peer's to fill, up to `tableBytes`; a list that is too long
// is decoded to its end without being kept, since the table must stay in step.

import { ConnectionFault, code } from "./frame.ts";
import { huffmanDecode } from "./huffman.ts";
import { blockBytes, tableBytes } from "./limits.ts";
import { staticTable } from "./static-table.ts";
import type { Field } from "./static-table.ts";

const bad = (what: string): ConnectionFault => new ConnectionFault(code.compression, what);

/** What a field counts for, in the table and in the list (RFC 7541, 4.1). */
const weight = (field: Field): number => field[0].length + field[1].length + 32;

export class HpackDecoder {
  /** Oldest first. */
  private readonly table: Field[] = [];
  private used = 0;
  private limit = tableBytes;

  /** undefined: the list counts for more than `listBytes`. */
  decode(block: Buffer, listBytes: number): Field[] | undefined {
    if (block.length > blockBytes) throw bad("block too large");
    const cursor = new Cursor(block);
    const fields: Field[] = [];
    let listed = 0;
    let begun = false;
    while (!cursor.done) {
      const first = cursor.peek();
      if ((first & 0xe0) === 0x20) {
        if (begun) throw bad("table size after a field");
        this.resize(cursor.integer(5));
        continue;
      }
      begun = true;
      const field = this.field(first, cursor);
      listed += weight(field);
      if (listed <= listBytes) fields.push(field);
    }
    return listed <= listBytes ? fields : undefined;
  }

  private field(first: number, cursor: Cursor): Field {
    if (first & 0x80) return this.entry(cursor.integer(7));
    const kept = (first & 0x40) !== 0;
    const index = cursor.integer(kept ? 6 : 4);
    const name = index === 0 ? cursor.string() : this.entry(index)[0];
    const field: Field = [name, cursor.string()];
    if (kept) this.insert(field);
    return field;
  }

  private entry(index: number): Field {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.table[this.table.length - (index - staticTable.length)];
    if (field === undefined) throw bad("no such entry");
    return field;
  }

  private insert(field: Field): void {
    const bytes = weight(field);
    this.evict(this.limit - bytes);
    if (bytes > this.limit) return;
    this.table.push(field);
    this.used += bytes;
  }

  private resize(bytes: number): void {
    if (bytes > tableBytes) throw bad("table size over the limit");
    this.limit = bytes;
    this.evict(bytes);
  }

  private evict(room: number): void {
    while (this.used > room) {
      const oldest = this.table.shift();
      if (oldest === undefined) return;
      this.used -= weight(oldest);
    }
  }
}

class Cursor {
  private readonly block: Buffer;
  private at = 0;

  constructor(block: Buffer) {
    this.block = block;
  }

  get done(): boolean {
    return this.at >= this.block.length;
  }

  peek(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw bad("truncated");
    return byte;
  }

  /** 5.1: a prefix of `bits`, then 7 bits at a time, lowest first. Five bytes are more than any honest number. */
  integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = this.peek() & mask;
    this.at++;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.peek();
      this.at++;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw bad("integer too large");
  }

  string(): string {
    const packed = this.peek() >= 0x80;
    const length = this.integer(7);
    const from = this.at;
    if (length > this.block.length - from) throw bad("truncated");
    this.at += length;
    return packed ? huffmanDecode(this.block, from, this.at) : this.block.toString("latin1", from, this.at);
  }
}
