// The unix socket: whoever can open it is trusted, so its mode must hold from the moment it exists, and no file that
// is not a dead socket may be replaced.

import { createServer } from "node:http";
import type { Server } from "node:http";
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Handler } from "./web.ts";

export interface SocketOptions {
  readonly path: string;
  /** Permission bits, e.g. 0o770. */
  readonly mode: number;
  readonly handler: Handler;
}

export interface LocalListener {
  readonly server: Server;
  close(): Promise<void>;
}

/** sun_path holds 108 bytes with its final NUL on Linux, 104 elsewhere. */
const longestPath = 103;

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });

async function clear(path: string): Promise<Result<void, Problem>> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return ok(undefined);
  if (!stat.isSocket())
    return err(
      problem("setup", `unix_socket ${path}: exists and is no socket`, "move it away or choose another path"),
    );
  if (await answers(path))
    return err(
      problem("setup", `unix_socket ${path}: another server answers there`, "end it or choose another path"),
    );
  unlinkSync(path);
  return ok(undefined);
}

const listening = (server: Server, path: string, mode: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    // the socket file appears during this very call, so nobody ever sees it with wider permissions
    const before = process.umask(0o777 & ~mode);
    try {
      server.listen(path);
    } finally {
      process.umask(before);
    }
  });

export async function listenSocket(options: SocketOptions): Promise<Result<LocalListener, Problem>> {
  const { path, mode, handler } = options;
  if (Buffer.byteLength(path) > longestPath)
    return err(
      problem("setup", `unix_socket ${path}: longer than ${longestPath} bytes`, "choose a shorter path"),
    );
  const server = createServer(handler);
  try {
    const cleared = await clear(path);
    if (!cleared.ok) return cleared;
    await listening(server, path, mode);
    chmodSync(path, mode);
  } catch (error) {
    server.close();
    const why = messageOf(error);
    return err(problem("setup", `unix_socket ${path}: ${why}`));
  }
  return ok({
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
