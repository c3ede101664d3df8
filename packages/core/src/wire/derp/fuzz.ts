// Entry points for fuzzing: each reads any bytes whatever and throws nothing but DerpError.
import { keyLength, type PayloadLimits, readByClient, readByServer, readServerKey } from "./frames.ts";
import { openClientInfo } from "./info.ts";
import { DerpParser } from "./parser.ts";

const privateKey = new Uint8Array(keyLength).fill(7);

/** What a client may send to a server, cut in two at a place that the bytes choose. */
export const fuzzServerStream = (bytes: Uint8Array): void => readAll(readByServer, bytes);

/** What a server may send to a client. */
export const fuzzClientStream = (bytes: Uint8Array): void => readAll(readByClient, bytes);

/** A ClientInfo payload. Costs a key agreement. */
export const fuzzClientInfo = (bytes: Uint8Array): void => {
  openClientInfo(bytes, privateKey);
};

function readAll(reads: ReadonlyMap<number, PayloadLimits>, bytes: Uint8Array): void {
  const parser = new DerpParser(reads);
  const cut = (bytes[0] ?? 0) % (bytes.length + 1);
  for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    parser.push(chunk);
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) readServerKey(frame.payload);
  }
}
