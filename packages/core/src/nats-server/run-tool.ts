// Runs one tool to its end, with a deadline and a bounded memory of what it said.

import { execFile } from "node:child_process";

export type Env = Readonly<Record<string, string | undefined>>;

export interface ToolRun {
  readonly ok: boolean;
  /** Standard output, or the last words of the failure on one line. */
  readonly output: string;
}

export function runTool(command: string, args: readonly string[], env: Env, ms: number): Promise<ToolRun> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { env: { ...env }, timeout: ms, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error === null) resolve({ ok: true, output: stdout });
        else resolve({ ok: false, output: lastWords(stderr === "" ? error.message : stderr) });
      },
    );
  });
}

const lastWords = (text: string): string => text.trim().split("\n").slice(-2).join(" ").slice(-300);
