import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConnectionFault, code } from "./frame.ts";
import { HpackDecoder } from "./hpack-decode.ts";
import { encodeHead } from "./hpack-encode.ts";

const list = 16_384;
const decode = (decoder: HpackDecoder, hex: string): [string, string][] | undefined =>
  decoder.decode(Buffer.from(hex, "hex"), list)?.map(([n, v]) => [n, v]);
const fault = { code: code.compression };

const get = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const requests = [
  get,
  [...get, ["cache-control", "no-cache"]],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];
const response = (status: string, second: string): string[][] => [
  [":status", status],
  ["cache-control", "private"],
  ["date", `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ["location", "https://www.example.com"],
];
const sorted = (fields: readonly (readonly string[])[] | undefined): string[] =>
  (fields ?? []).map((f) => f.join(": ")).sort();

void suite("hpack", () => {
  test("single fields of RFC 7541, C.2", () => {
    const decoder = new HpackDecoder();
    assert.deepEqual(decode(decoder, "400a637573746f6d2d6b65790d637573746f6d2d686561646572"), [
      ["custom-key", "custom-header"],
    ]);
    assert.deepEqual(decode(decoder, "040c2f73616d706c652f70617468"), [[":path", "/sample/path"]]);
    assert.deepEqual(decode(decoder, "100870617373776f726406736563726574"), [["password", "secret"]]);
    assert.deepEqual(decode(decoder, "82"), [[":method", "GET"]]);
    assert.deepEqual(decode(decoder, "be"), [["custom-key", "custom-header"]]);
  });

  const requestBlocks = {
    "C.3, plain": [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    "C.4, Huffman": [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  };
  for (const [name, blocks] of Object.entries(requestBlocks))
    test(`three requests of RFC 7541, ${name}`, () => {
      const decoder = new HpackDecoder();
      for (const [i, block] of blocks.entries()) assert.deepEqual(decode(decoder, block), requests[i]);
    });

  const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
  const responseBlocks = {
    "C.5, plain": [
      "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
      "4803333037c1c0bf",
      "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ],
    "C.6, Huffman": [
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
      "4883640effc1c0bf",
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
  };
  for (const [name, blocks] of Object.entries(responseBlocks))
    test(`three responses through a table of 256 bytes, RFC 7541, ${name}`, () => {
      const decoder = new HpackDecoder();
      const [first, second, third] = blocks;
      // The examples agree on the size outside; here the block itself says it.
      assert.deepEqual(sorted(decode(decoder, `3fe101${first}`)), sorted(response("302", "21")));
      assert.deepEqual(sorted(decode(decoder, second!)), sorted(response("307", "21")));
      const last = [...response("200", "22"), ["content-encoding", "gzip"], ["set-cookie", cookie]];
      assert.deepEqual(sorted(decode(decoder, third!)), sorted(last));
    });

  const broken = {
    "an index of nothing": "80",
    "an index beyond the table": "be",
    "a table size over the limit": "3fe220",
    "a table size after a field": "8220",
    "a string that is cut": "400a6375",
    "an integer without an end": "ffffffffff",
    "an integer that is too large": "7fffffffffff7f",
    "padding of zeros": "0081000161",
    "padding of a whole byte": "0082ffff0161",
    "the end-of-string symbol": "0084ffffffff0161",
  };
  for (const [name, hex] of Object.entries(broken))
    test(`${name} is a fault of the connection`, () => {
      assert.throws(
        () => decode(new HpackDecoder(), hex),
        (e) => e instanceof ConnectionFault && e.code === fault.code,
      );
    });

  test("a list over the limit is not kept, and the table stays in step", () => {
    const decoder = new HpackDecoder();
    const entry = `4001787fa11e${"61".repeat(4000)}`; // x: 4000 times a, kept
    assert.equal(decode(decoder, entry)?.length, 1);
    // 12 KB of references to 4 KB: 48 MB of headers, if anybody kept them.
    assert.equal(decode(decoder, "be".repeat(12_000)), undefined);
    assert.equal(decode(decoder, "be")?.[0]?.[1].length, 4000);
  });

  test("an entry larger than the table empties it", () => {
    const decoder = new HpackDecoder();
    decode(decoder, "400a637573746f6d2d6b65790d637573746f6d2d686561646572");
    decode(decoder, `4001787fa120${"61".repeat(4256)}`);
    assert.throws(() => decode(decoder, "be"), fault);
  });

  test("a response's headers come back as they were given", () => {
    const headers = {
      "content-type": "application/json",
      "X-Long": "v".repeat(300),
      etag: "",
      "x-high": "\xfc",
    };
    for (const status of [200, 404, 418, 503]) {
      const decoder = new HpackDecoder();
      const fields = decoder.decode(encodeHead(status, headers), list);
      const lower = Object.entries(headers).map(([n, v]) => [n.toLowerCase(), v]);
      assert.deepEqual(fields, [[":status", String(status)], ...lower]);
    }
  });

  test("a header that no client accepts is a mistake of the caller", () => {
    for (const headers of [
      { "a b": "x" },
      { a: "x\r\nb: y" },
      { connection: "close" },
      { ":path": "/" },
      { a: "\u2713" },
    ])
      assert.throws(() => encodeHead(200, headers), TypeError);
    assert.throws(() => encodeHead(101, {}), RangeError);
  });
});
