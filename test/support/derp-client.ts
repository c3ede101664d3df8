// A small DERP client for tests: it can enter natively, with a fast start or over WebSocket, shows every frame it gets,
// and sends whatever bytes it is told to, well-formed or not.
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import * as frames from "@hydrascale/core/wire/derp/frames";
import { frameType } from "@hydrascale/core/wire/derp/frames";
import { clientInfoFrame, type KeyPair, openServerInfo } from "@hydrascale/core/wire/derp/info";
import { type DerpFrame, DerpParser } from "@hydrascale/core/wire/derp/parser";
import { publicKeyOf } from "@hydrascale/core/wire/derp/box";
import { WebSocket } from "ws";

export interface DialOptions {
  readonly port: number;
  readonly how?: "native" | "fast" | "websocket";
  readonly keys?: KeyPair;
}

export const newKeys = (): KeyPair => {
  const privateKey = Uint8Array.from(randomBytes(32));
  return { privateKey, publicKey: publicKeyOf(privateKey) };
};

export class DerpTestClient {
  readonly keys: KeyPair;
  serverKey: Uint8Array = new Uint8Array(0);
  /** Head of the HTTP answer; empty with a fast start. */
  httpHead = "";
  closed = false;
  readonly #parser = new DerpParser(frames.readByClient);
  readonly #frames: DerpFrame[] = [];
  #wake: () => void = () => {};
  #write: (bytes: Uint8Array) => void = () => {};
  #stop: () => void = () => {};
  /** The raw socket of a native client, to pause it. */
  socket: Socket | undefined;

  constructor(keys: KeyPair) {
    this.keys = keys;
  }

  /** Up to and including the server's key. */
  static async dial({ port, how = "native", keys = newKeys() }: DialOptions): Promise<DerpTestClient> {
    const client = new DerpTestClient(keys);
    await (how === "websocket" ? client.#overWebSocket(port) : client.#overSocket(port, how === "fast"));
    const first = await client.next(frameType.serverKey);
    const key = frames.readServerKey(first.payload);
    if (key === undefined) throw new Error("the server key frame has no magic");
    client.serverKey = key;
    return client;
  }

  /** Dialled, introduced and admitted. */
  static async join(options: DialOptions): Promise<DerpTestClient> {
    const client = await DerpTestClient.dial(options);
    client.introduce();
    const info = await client.next(frameType.serverInfo);
    openServerInfo(info.payload, client.serverKey, client.keys.privateKey);
    return client;
  }

  introduce(change: (frame: Uint8Array) => Uint8Array = (frame) => frame): void {
    this.write(change(clientInfoFrame(this.keys, this.serverKey, randomBytes(24))));
  }

  write(bytes: Uint8Array): void {
    this.#write(bytes);
  }

  send(to: Uint8Array, packet: Uint8Array): void {
    this.write(frames.frame(frameType.sendPacket, to, packet));
  }

  /** The next frame of this type; frames of others before it are dropped. Rejects when the stream ends first. */
  async next(type: number, withinMs = 5000): Promise<DerpFrame> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift())
        if (frame.type === type) return frame;
      if (this.closed) throw new Error(`the stream ended before a frame ${type}`);
      await this.#changed(deadline, `no frame ${type}`);
    }
  }

  /** The next packet and who sent it. */
  async packet(withinMs?: number): Promise<{ readonly from: Uint8Array; readonly packet: Uint8Array }> {
    const { payload } = await this.next(frameType.recvPacket, withinMs);
    return { from: payload.subarray(0, 32), packet: payload.subarray(32) };
  }

  /** Types of the frames that have come and were not asked for. */
  get waiting(): readonly number[] {
    return this.#frames.map((frame) => frame.type);
  }

  async ended(withinMs = 5000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!this.closed) await this.#changed(deadline, "the stream is still open");
  }

  close(): void {
    this.#stop();
  }

  async #changed(deadline: number, otherwise: string): Promise<void> {
    const left = deadline - performance.now();
    if (left <= 0) throw new Error(`${otherwise} in time`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #received(chunk: Uint8Array): void {
    this.#parser.push(chunk);
    for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next())
      this.#frames.push({ type: frame.type, payload: frame.payload.slice() });
    this.#wake();
  }

  #finished(): void {
    this.closed = true;
    this.#wake();
  }

  async #overSocket(port: number, fast: boolean): Promise<void> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    this.socket = socket;
    this.#write = (bytes) => void socket.write(bytes);
    this.#stop = () => void socket.destroy();
    const extra = fast ? "Derp-Fast-Start: 1\r\n" : "";
    socket.write(
      `GET /derp HTTP/1.1\r\nHost: derp.test\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n${extra}\r\n`,
    );
    let head: Buffer | undefined = fast ? undefined : Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      if (head === undefined) {
        this.#received(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.httpHead = head.subarray(0, end).toString();
      const rest = head.subarray(end + 4);
      head = undefined;
      if (!this.httpHead.startsWith("HTTP/1.1 101 ")) socket.destroy();
      else if (rest.length > 0) this.#received(rest);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#finished());
  }

  async #overWebSocket(port: number): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/derp`, "derp", { origin: "https://elsewhere.test" });
    socket.on("message", (data: Buffer) => this.#received(data));
    socket.on("close", () => this.#finished());
    socket.on("error", () => socket.terminate());
    this.#write = (bytes) => socket.send(bytes);
    this.#stop = () => socket.terminate();
    await once(socket, "open");
    this.httpHead = socket.protocol;
  }
}
