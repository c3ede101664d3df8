// STUN binding requests as clients send them, and the answers. Requests without the client's SOFTWARE attribute and a
// correct FINGERPRINT at the end are nobody's we serve: the caller stays silent, so that we amplify for no one.

const headerLength = 20;
const cookie = 0x2112a442;
const softwareAttribute = 0x8022;
const fingerprintAttribute = 0x8028;
const fingerprintMask = 0x5354554e; // "STUN"
const software = "tailnode";
const fingerprintLength = 8; // type(2) ‖ length(2) ‖ crc(4)
/** A real request has 40 bytes; a few more attributes may come, an Ethernet frame's worth may not. */
const maxRequest = 512;

/** The transaction id (12 bytes, a copy) of an acceptable request; undefined = stay silent. */
export function parseStunRequest(datagram: Uint8Array): Uint8Array | undefined {
  const length = datagram.length;
  if (length < headerLength + fingerprintLength || length > maxRequest) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, length);
  if (view.getUint16(0) !== 0x0001 || view.getUint32(4) !== cookie) return undefined;
  if (view.getUint16(2) !== length - headerLength) return undefined;
  const body = length - fingerprintLength;
  if (view.getUint16(body) !== fingerprintAttribute || view.getUint16(body + 2) !== 4) return undefined;
  if (!namesSoftware(datagram, view, body)) return undefined;
  const expected = (crc32(datagram.subarray(0, body)) ^ fingerprintMask) >>> 0;
  return view.getUint32(body + 4) === expected
    ? new Uint8Array(datagram.subarray(8, headerLength))
    : undefined;
}

/** Walks the attributes type(2) ‖ length(2) ‖ value, padded to 4; they must end exactly where FINGERPRINT begins. */
function namesSoftware(datagram: Uint8Array, view: DataView, end: number): boolean {
  let found = false;
  let at = headerLength;
  while (at + 4 <= end) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const next = at + 4 + ((length + 3) & ~3);
    if (next > end || type === fingerprintAttribute) return false;
    if (type === softwareAttribute)
      found =
        length === software.length &&
        String.fromCharCode(...datagram.subarray(at + 4, at + 4 + length)) === software;
    at = next;
  }
  return found && at === end;
}

/**
 * The answer: 01 01 ‖ length(2) ‖ cookie(4) ‖ transaction id(12) ‖ XOR-MAPPED-ADDRESS 00 20 ‖ length(2) ‖ 00 ‖
 * family(1) ‖ port(2) ^ cookie ‖ address ^ cookie ‖ transaction id. `address` is 4 or 16 bytes; v4-in-v6 becomes v4.
 */
export function stunResponse(transactionId: Uint8Array, address: Uint8Array, port: number): Uint8Array {
  const ip = unmap(address);
  const out = new Uint8Array(headerLength + 8 + ip.length);
  const view = new DataView(out.buffer);
  view.setUint16(0, 0x0101);
  view.setUint16(2, 8 + ip.length);
  view.setUint32(4, cookie);
  out.set(transactionId, 8);
  view.setUint16(20, 0x0020);
  view.setUint16(22, 4 + ip.length);
  out[25] = ip.length === 4 ? 0x01 : 0x02;
  view.setUint16(26, port ^ (cookie >>> 16));
  // The mask, cookie ‖ transaction id, stands in the header just written.
  ip.forEach((byte, i) => (out[28 + i] = byte ^ (out[4 + i] ?? 0)));
  return out;
}

/** A request as clients send it: for our own probes and tests. */
export function stunRequest(transactionId: Uint8Array): Uint8Array {
  const body = headerLength + 4 + software.length;
  const out = new Uint8Array(body + fingerprintLength);
  const view = new DataView(out.buffer);
  view.setUint16(0, 0x0001);
  view.setUint16(2, out.length - headerLength);
  view.setUint32(4, cookie);
  out.set(transactionId, 8);
  view.setUint16(20, softwareAttribute);
  view.setUint16(22, software.length);
  out.set(new TextEncoder().encode(software), 24);
  view.setUint16(body, fingerprintAttribute);
  view.setUint16(body + 2, 4);
  view.setUint32(body + 4, crc32(out.subarray(0, body)) ^ fingerprintMask);
  return out;
}

function unmap(address: Uint8Array): Uint8Array {
  const mapped =
    address.length === 16 &&
    address.subarray(0, 10).every((byte) => byte === 0) &&
    address[10] === 0xff &&
    address[11] === 0xff;
  return mapped ? address.subarray(12) : address;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
