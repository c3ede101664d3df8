// A Noise connection after its handshake, as a byte stream: plaintext above, records below. Backpressure goes both
// ways. It never emits an error: any failure destroys it and says why in `failure`, since the peer can only dial
// again. Both roles use it; whose keys are whose is the caller's knowledge.

import { Duplex } from "node:stream";
import type { Suite } from "@hydrascale/core/crypto/suite";
import { NoiseError } from "@hydrascale/core/wire/noise/messages";
import { RecordOpener, RecordSealer } from "@hydrascale/core/wire/noise/record";

export interface NoiseKeys {
  readonly suite: Suite;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

type Done = (error?: Error | null) => void;

/** `record`: what came is not authentic or no record; `transport`: the connection below failed. */
export type NoiseFailure = "record" | "transport";

export class NoiseDuplex extends Duplex {
  failure: NoiseFailure | undefined;
  private readonly transport: Duplex;
  private readonly opener: RecordOpener;
  private readonly sealer: RecordSealer;
  private readonly onFirstBytes: () => void;
  private heard = false;
  private waiting: Done | undefined;

  /** `head`: bytes that came from the transport before this took it over. `onFirstBytes`: the first plaintext. */
  constructor(
    transport: Duplex,
    keys: NoiseKeys,
    head: Uint8Array,
    onFirstBytes: () => void = () => undefined,
  ) {
    super({ allowHalfOpen: false });
    this.transport = transport;
    this.opener = new RecordOpener(keys.suite, keys.receiveKey);
    this.sealer = new RecordSealer(keys.suite, keys.sendKey);
    this.onFirstBytes = onFirstBytes;
    transport.on("error", () => this.fail("transport"));
    transport.on("close", () => this.destroy());
    transport.on("end", () => this.push(null));
    // No half-open connections: once all that the peer said is read, it is over. Ending the writable side instead leaves
    // node:http2 some turns in which whatever it writes fails an assertion of Node, which would end the process.
    this.once("end", () => this.destroy());
    transport.on("drain", () => this.drained());
    // Whoever made this attaches its listeners first: nothing is delivered in the constructor's own turn.
    process.nextTick(() => {
      if (this.destroyed) return;
      if (head.length > 0) this.receive(head);
      transport.on("data", (chunk: Buffer) => this.receive(chunk));
    });
  }

  override _read(): void {
    this.transport.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.send(chunk, done);
  }

  /** What HTTP/2 writes together leaves in one system call. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.send(Buffer.concat(chunks.map((c) => c.chunk)), done);
  }

  override _final(done: Done): void {
    this.transport.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.transport.destroy();
    this.drained();
    done(error);
  }

  private send(plain: Buffer, done: Done): void {
    if (this.transport.destroyed || this.transport.writableEnded) {
      done();
      this.destroy();
      return;
    }
    if (this.transport.write(this.sealer.seal(plain))) done();
    else this.waiting = done;
  }

  private drained(): void {
    const done = this.waiting;
    this.waiting = undefined;
    done?.();
  }

  private receive(chunk: Uint8Array): void {
    if (this.destroyed) return;
    let plains: Uint8Array[];
    try {
      plains = this.opener.push(chunk);
    } catch (failure) {
      if (!(failure instanceof NoiseError)) throw failure;
      this.fail("record");
      return;
    }
    if (!this.heard && plains.length > 0) {
      this.heard = true;
      this.onFirstBytes();
    }
    for (const plain of plains) if (!this.push(plain)) this.transport.pause();
  }

  private fail(reason: NoiseFailure): void {
    this.failure ??= reason;
    this.destroy();
  }
}
