// The public certificate from its two files, read again when either changes. A bad pair is reported and the one in use stays.

import { readFile } from "node:fs/promises";
import { watchFile } from "@hydrascale/core/config/watch";
import type { FileWatch } from "@hydrascale/core/config/watch";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Listener, TlsMaterial } from "./server.ts";

export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

export async function readCertificate({
  certPath,
  keyPath,
}: CertificateFiles): Promise<Result<TlsMaterial, Problem>> {
  try {
    const [cert, key] = await Promise.all([readFile(certPath, "utf8"), readFile(keyPath, "utf8")]);
    return ok({ cert, key });
  } catch (error) {
    const reason = messageOf(error);
    return err(
      problem("setup", `tls_cert_path, tls_key_path: ${reason}`, "correct the paths or their permissions"),
    );
  }
}

/** Follows both files; a tool that replaces them one after the other is waited for, since a mixed pair does not fit. */
export async function followCertificate(
  files: CertificateFiles,
  listener: Listener,
  log: Logger,
): Promise<() => void> {
  const changed = async (): Promise<void> => {
    const read = await readCertificate(files);
    const set = read.ok ? listener.setTls(read.value) : read;
    if (set.ok) log.info("certificate read again", { file: files.certPath });
    else log.warn("certificate is not changed: the one in use stays", { reason: set.error.message });
  };
  const unreadable = (reason: string): void =>
    log.warn("certificate cannot be read: the one in use stays", { reason });
  const watches: FileWatch[] = [];
  for (const path of [files.certPath, files.keyPath]) {
    // The first telling is what was read at start.
    let first = true;
    watches.push(
      await watchFile(path, {
        unreadable,
        changed: () => {
          if (!first) void changed();
          first = false;
        },
      }),
    );
  }
  return () => {
    for (const watch of watches) watch.close();
  };
}
