// A map stream of a simulated client: keeps every message, folds the netmap, and lets a test await what it expects
// with a deadline. Nothing here sleeps.

import type { ClientHttp2Stream } from "node:http2";
import { MapFrameReader } from "@hydrascale/core/wire/map-frame";
import { decompress } from "@hydrascale/core/wire/zstd";
import type { MapMessage, Received } from "./messages.ts";
import { applyMessage, emptyNetmap } from "./netmap.ts";
import type { Netmap } from "./netmap.ts";

const maxMessageBytes = 64 << 20;

/** How a stream ended: its status (0 when none came) and, unless that was 200, the text. */
export interface StreamEnd {
  readonly status: number;
  readonly text: string;
  /** HTTP/2 code of a reset; 0 for a proper end. */
  readonly code: number;
}

export class MapStream {
  readonly received: Received[] = [];
  readonly netmap: Netmap = emptyNetmap();
  /** Resolves with the status once the response's headers are there; 0 when the stream ended without. */
  readonly status: Promise<number>;
  readonly ended: Promise<StreamEnd>;
  private readonly stream: ClientHttp2Stream;
  private readonly reader = new MapFrameReader(maxMessageBytes);
  private readonly compressed: boolean;
  private readonly watchers = new Set<() => void>();
  private readonly onMessage: (message: MapMessage) => void;
  private cursor = 0;
  private end: StreamEnd | undefined;
  /** Set by a message that cannot be read; every await then fails with it. */
  private broken: Error | undefined;

  constructor(stream: ClientHttp2Stream, compressed: boolean, onMessage: (message: MapMessage) => void) {
    this.stream = stream;
    this.compressed = compressed;
    this.onMessage = onMessage;
    let status = 0;
    const text: Buffer[] = [];
    this.status = new Promise((resolve) => {
      stream.once("response", (headers) => {
        status = headers[":status"] ?? 0;
        // Node tells of data before it tells of the headers when both came in one read.
        if (status === 200) for (const chunk of text.splice(0)) this.take(chunk);
        resolve(status);
      });
      stream.once("close", () => resolve(status));
    });
    stream.on("data", (chunk: Buffer) => {
      if (status === 200) this.take(chunk);
      else text.push(chunk);
    });
    this.ended = new Promise((resolve) => {
      stream.once("close", () => {
        this.end = { status, text: Buffer.concat(text).toString(), code: stream.rstCode };
        this.wake();
        resolve(this.end);
      });
    });
  }

  get open(): boolean {
    return this.end === undefined;
  }

  /** Messages but keep-alives. */
  get messages(): readonly MapMessage[] {
    return this.received.map((r) => r.message).filter((m) => m.KeepAlive !== true);
  }

  /** The next message, not yet taken by an earlier call, that fits; those before it are passed over. */
  next(fits: (message: MapMessage) => boolean = () => true, ms = 5000): Promise<MapMessage> {
    return this.await(`a message like ${fits.toString()}`, ms, () => {
      while (this.cursor < this.received.length) {
        const message = this.received[this.cursor++]?.message;
        if (message !== undefined && message.KeepAlive !== true && fits(message)) return message;
      }
      return undefined;
    });
  }

  /** Resolves once the folded netmap is as asked. Leaves `next` where it is. */
  async until(holds: (netmap: Netmap) => boolean, ms = 5000): Promise<Netmap> {
    return this.await(`a netmap with ${holds.toString()}`, ms, () =>
      holds(this.netmap) ? this.netmap : undefined,
    );
  }

  keepAlive(ms: number): Promise<Received> {
    const from = this.received.length;
    return this.await("a keep-alive", ms, () =>
      this.received.slice(from).find((r) => r.message.KeepAlive === true),
    );
  }

  /** What arrives within `ms`, keep-alives aside: for the assertion that nothing does. */
  async during(ms: number): Promise<readonly MapMessage[]> {
    const from = this.received.length;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return this.received
      .slice(from)
      .map((r) => r.message)
      .filter((m) => m.KeepAlive !== true);
  }

  /** Passes over what has arrived so far. */
  skip(): void {
    this.cursor = this.received.length;
  }

  /** A client that stops reading: HTTP/2 flow control then holds the server. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** As a client that stops polling: RST_STREAM(CANCEL). The connection stays. */
  async close(): Promise<void> {
    this.stream.close(8);
    await this.ended;
  }

  private take(chunk: Buffer): void {
    try {
      for (const body of this.reader.push(chunk)) {
        const text = (this.compressed ? decompress(body, maxMessageBytes) : body).toString("utf8");
        // Whatever JSON it is: the lint and the tests look at it.
        const message = JSON.parse(text) as MapMessage;
        this.received.push({ message, text, bodyBytes: body.length, at: performance.now() });
        applyMessage(this.netmap, message);
        this.onMessage(message);
      }
    } catch (failure) {
      this.broken = failure instanceof Error ? failure : new Error(String(failure));
      this.stream.close(8);
    }
    this.wake();
  }

  private wake(): void {
    for (const watcher of this.watchers) watcher();
  }

  private await<T>(what: string, ms: number, look: () => T | undefined): Promise<T> {
    // A stack from here: the timer's own says nothing about the test.
    const late = new Error(`no ${what} within ${ms} ms`);
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        const found = look();
        if (found !== undefined) resolve(found);
        else if (this.broken !== undefined) reject(this.broken);
        else if (this.end !== undefined)
          reject(new Error(`stream ended (${JSON.stringify(this.end)}) before ${what}`));
        else return false;
        return true;
      };
      if (settle()) return;
      const timer = setTimeout(() => {
        this.watchers.delete(watcher);
        late.message += `; got ${this.received.length} messages, the last: ${this.received.at(-1)?.text.slice(0, 600) ?? "none"}`;
        reject(late);
      }, ms);
      const watcher = (): void => {
        if (!settle()) return;
        clearTimeout(timer);
        this.watchers.delete(watcher);
      };
      this.watchers.add(watcher);
    });
  }
}
