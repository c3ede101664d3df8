// A way to the server on which a client seems to come from another address: what is limited by source has to tell the
// two apart.

import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

export interface OtherSource {
  readonly url: string;
  close(): void;
}

export function otherSource(url: string, address: string): Promise<OtherSource> {
  const port = Number(new URL(url).port);
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect({ host: "127.0.0.1", port, localAddress: address });
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address();
      const own = typeof bound === "object" && bound !== null ? bound.port : 0;
      resolve({
        url: `http://127.0.0.1:${own}`,
        close: () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}
