import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { suite, test } from "node:test";
import { stunRequest, stunResponse } from "@hydrascale/core/wire/stun";
import { listenStun, type StunCount } from "./server.ts";

const counting = (): { counts: StunCount[]; counters: { add(name: StunCount): void } } => {
  const counts: StunCount[] = [];
  return { counts, counters: { add: (name) => void counts.push(name) } };
};

/** Sends the datagrams in order and gives the first answer with the asking socket's port. */
async function ask(
  family: "udp4" | "udp6",
  to: { host: string; port: number },
  ...datagrams: readonly Uint8Array[]
): Promise<{ answer: Uint8Array; from: string; port: number }> {
  const socket = createSocket(family);
  try {
    const heard = once(socket, "message", { signal: AbortSignal.timeout(5000) });
    for (const datagram of datagrams) socket.send(datagram, to.port, to.host);
    const [answer, from] = (await heard) as [Buffer, { address: string; port: number }];
    assert.equal(from.port, to.port);
    return { answer: Uint8Array.from(answer), from: from.address, port: socket.address().port };
  } finally {
    socket.close();
  }
}

const loopback4 = Uint8Array.of(127, 0, 0, 1);
const loopback6 = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0));

suite("STUN listener", () => {
  test("a client is told the address it is seen at; other datagrams get nothing", async () => {
    const { counts, counters } = counting();
    const listening = await listenStun({ host: "127.0.0.1", port: 0, counters });
    assert.ok(listening.ok);
    const id = Uint8Array.from(randomBytes(12));
    const to = { host: "127.0.0.1", port: listening.value.address.port };
    // The junk goes first: the first thing heard is the answer to the real request.
    const { answer, port } = await ask(
      "udp4",
      to,
      new Uint8Array(40),
      stunRequest(id).subarray(0, 32),
      stunRequest(id),
    );
    assert.deepEqual(answer, stunResponse(id, loopback4, port));
    await listening.value.close();
    assert.deepEqual(counts, ["ignored", "ignored", "answered"]);
  });

  test("one socket on :: serves both families, and IPv4 clients are told their IPv4 address", async (t) => {
    const { counters } = counting();
    const listening = await listenStun({ host: "::", port: 0, counters });
    if (!listening.ok) {
      assert.match(listening.error.message, /is not an address of this machine/);
      t.skip("this machine has no IPv6");
      return;
    }
    const { port } = listening.value.address;
    const id = Uint8Array.from(randomBytes(12));
    const over4 = await ask("udp4", { host: "127.0.0.1", port }, stunRequest(id));
    assert.deepEqual(over4.answer, stunResponse(id, loopback4, over4.port));
    const over6 = await ask("udp6", { host: "::1", port }, stunRequest(id));
    assert.deepEqual(over6.answer, stunResponse(id, loopback6, over6.port));
    await listening.value.close();
  });

  test("a port in use and a name instead of an address are problems that name the setting", async () => {
    const { counters } = counting();
    const first = await listenStun({ host: "127.0.0.1", port: 0, counters });
    assert.ok(first.ok);
    const second = await listenStun({ host: "127.0.0.1", port: first.value.address.port, counters });
    assert.ok(!second.ok);
    assert.equal(
      second.error.message,
      `derp.server.stun_listen_addr: udp 127.0.0.1:${first.value.address.port} is in use`,
    );
    await first.value.close();
    const named = await listenStun({ host: "localhost", port: 0, counters });
    assert.ok(!named.ok && named.error.message.startsWith("derp.server.stun_listen_addr: "));
  });
});
