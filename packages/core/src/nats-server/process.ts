// Which process a number means: numbers are used again, so a process is its number and the time it started. Whoever
// wants to end a process, or to believe that one holds something, compares both.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

/** Undefined when there is no such process (any more), or it is a zombie. */
export function processId(pid: number): ProcessId | undefined {
  const started = startOf(pid);
  return started === undefined ? undefined : { pid, started };
}

export const isAlive = (id: ProcessId): boolean => startOf(id.pid) === id.started;

export function parseProcessId(text: string): ProcessId | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("pid" in value) || !("started" in value))
    return undefined;
  const { pid, started } = value;
  return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 1 && typeof started === "string"
    ? { pid, started }
    : undefined;
}

/** Sends a signal unless the process is gone or is another one by now. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch {
    // It ended between the two lines.
  }
}

function startOf(pid: number): string | undefined {
  return process.platform === "linux" ? linuxStart(pid) : psStart(pid);
}

function linuxStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The name in parentheses may hold spaces and parentheses; what follows the last one is plain: state is field 3, start time 22.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  if (state === "Z" || state === "X") return undefined;
  return `${bootId()}/${fields[19] ?? ""}`;
}

/** Start times count from the machine's boot. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim().slice(0, 8);
  } catch {
    return "";
  }
}

function psStart(pid: number): string | undefined {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return text.trim() === "" ? undefined : text.trim();
  } catch {
    return undefined;
  }
}
