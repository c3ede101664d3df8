// Follows the content of one file, whatever is done to it: written in place, replaced by rename, deleted and made
// again, or a symlink that is swapped somewhere on its path (as Kubernetes does). The system's notices are a hint that makes it quick;
// a comparison once a second is what it stands on, since notices miss swaps above the file and do not exist on some file systems.

import { createHash } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";

export interface WatchOptions {
  /** Longest time until a change is seen; default 1 s. */
  readonly everyMs?: number;
  /** Larger files are reported as unreadable; default 8 MiB. */
  readonly maxBytes?: number;
  /** Called with the text at first and then whenever the content differs from what was told last. */
  readonly changed: (text: string) => void;
  /** The file cannot be read (gone, no permission, too large); told once per reason. What was told last stays true. */
  readonly unreadable: (reason: string) => void;
}

export interface FileWatch {
  /** Looks now; resolves when what is there has been told. */
  check(): Promise<void>;
  close(): void;
}

/** Time for a writer in place to finish: a change is told once two looks this far apart agree. */
const settleMs = 30;

async function read(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "unreadable";
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT"
    ? "no such file"
    : code === "EACCES"
      ? "no permission to read it"
      : (code ?? error.message);
};

class Watcher implements FileWatch {
  private readonly path: string;
  private readonly options: WatchOptions;
  private readonly timer: NodeJS.Timeout;
  private notices: FSWatcher | undefined;
  private told = "";
  private problem = "";
  private looking: Promise<void> | undefined;
  private again = false;
  private closed = false;

  constructor(path: string, options: WatchOptions) {
    this.path = path;
    this.options = options;
    this.timer = setInterval(() => void this.check(), options.everyMs ?? 1000);
    this.timer.unref();
    this.listen();
  }

  /** One look at a time; a call while one runs gets another after it. */
  check(): Promise<void> {
    if (this.looking !== undefined) {
      this.again = true;
      return this.looking;
    }
    this.looking = this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.notices?.close();
  }

  private async look(): Promise<void> {
    do {
      this.again = false;
      await this.once();
    } while (this.again && !this.closed);
  }

  private async once(): Promise<void> {
    const { maxBytes = 8 * 1024 * 1024, changed, unreadable } = this.options;
    try {
      let text = await read(this.path, maxBytes);
      for (let tries = 0; this.told !== "" && hash(text) !== this.told && tries < 10; tries++) {
        await new Promise((resolve) => setTimeout(resolve, settleMs));
        const later = await read(this.path, maxBytes);
        if (later === text) break;
        text = later;
      }
      this.problem = "";
      const now = hash(text);
      if (this.closed || now === this.told) return;
      this.told = now;
      changed(text);
    } catch (error) {
      const reason = reasonOf(error);
      if (this.closed || reason === this.problem) return;
      this.problem = reason;
      unreadable(reason);
    }
    if (this.notices === undefined) this.listen();
  }

  /** Watches the folder, since a watch on the file dies with the file. Without it the timer is enough. */
  private listen(): void {
    if (this.closed) return;
    try {
      const notices = watch(dirname(this.path), { persistent: false }, () => void this.check());
      notices.on("error", () => {
        notices.close();
        if (this.notices === notices) this.notices = undefined;
      });
      this.notices = notices;
    } catch {
      this.notices = undefined;
    }
  }
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Starts to follow `path`; resolves once its first content, or that it is unreadable, has been told. */
export async function watchFile(path: string, options: WatchOptions): Promise<FileWatch> {
  const watcher = new Watcher(path, options);
  await watcher.check();
  return watcher;
}
