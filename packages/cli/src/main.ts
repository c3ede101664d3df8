// The process: its arguments, environment, streams and signals. Everything else is handed these.

import { createInterface } from "node:readline";
import { runCli } from "./cli.ts";
import type { Io } from "./io.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());

/** A reader that went away (`| head`) is the end, not an error. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
  interactive: process.stdin.isTTY && process.stderr.isTTY,
  ask: (question) =>
    new Promise((resolve) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      lines.once("close", () => resolve(undefined));
      lines.question(question, (answer) => {
        resolve(answer);
        lines.close();
      });
    }),
  input: async () => {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(Buffer.from(part as Uint8Array)); // no encoding is set
    return Buffer.concat(parts).toString("utf8");
  },
  signal: stop.signal,
  now: () => Date.now(),
};

process.exitCode = await runCli(process.argv.slice(2), io);
