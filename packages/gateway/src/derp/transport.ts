// The byte stream below the frames: a raw socket after the native upgrade, or binary WebSocket messages whose
// boundaries mean nothing. `sent` is called once the kernel has the bytes (or never will).
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

export interface Transport {
  send(bytes: Uint8Array, sent: () => void): void;
  pause(): void;
  resume(): void;
  /** Sends what was handed over, then ends. */
  end(): void;
  destroy(): void;
  /** Called once by the owner. `close` comes exactly once, whatever ended the stream. */
  listen(on: { readonly data: (chunk: Uint8Array) => void; readonly close: () => void }): void;
}

/** `head` is what arrived together with the request. */
export function socketTransport(socket: Duplex, head: Uint8Array): Transport {
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  return {
    send(bytes, sent) {
      // One writev for all frames of one turn of the loop.
      if (!corked) {
        corked = true;
        socket.cork();
        process.nextTick(uncork);
      }
      socket.write(bytes, sent);
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    listen(on) {
      socket.on("error", () => socket.destroy());
      // node:http leaves its sockets half-open; a client that has finished is gone.
      socket.on("end", () => socket.destroy());
      socket.on("close", on.close);
      if (head.length > 0) on.data(head);
      socket.on("data", on.data);
    },
  };
}

export function webSocketTransport(socket: WebSocket): Transport {
  return {
    send: (bytes, sent) => socket.send(bytes, { binary: true, compress: false }, () => sent()),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.close(1001),
    destroy: () => socket.terminate(),
    listen(on) {
      socket.on("error", () => socket.terminate());
      socket.on("close", on.close);
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        if (isBinary) on.data(data);
        else socket.terminate();
      });
    },
  };
}
