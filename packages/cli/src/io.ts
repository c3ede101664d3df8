// What a command may touch of the world. Only main.ts makes the real one; tests bring their own and run in process.

export interface Io {
  /** Standard output: results, nothing else. */
  out(text: string): void;
  /** Standard error: everything else. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A person sits at both ends. */
  readonly interactive: boolean;
  /** Asks and gives the line typed; undefined at the end of input. */
  ask(question: string): Promise<string | undefined>;
  /** All of standard input, for `-f -`. */
  input(): Promise<string>;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  now(): number;
}
