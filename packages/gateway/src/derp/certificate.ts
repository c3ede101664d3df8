// The relay's own certificate where no public one is configured. Clients do not trust it, they pin it: the relay map
// names the SHA-256 of its DER form. So it is kept, and made anew only before it expires or when the names change.
import { createHash, createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Problem, problem } from "@hydrascale/core/lib/errors";
import { parseAddr } from "@hydrascale/core/lib/ip";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { generate } from "selfsigned";

const dayMs = 86_400_000;
const validMs = 825 * dayMs;
const renewMs = 90 * dayMs;

export interface RelayCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, secret. */
  readonly key: string;
  /** `sha256-raw:` and the hex SHA-256 of the certificate's DER form: a node's CertName in the relay map. */
  readonly pin: string;
  /** Ask again before this time; the pin then changes, and the map with it. */
  readonly renewAt: number;
}

export interface RelayCertificateOptions {
  /** Holds derp-cert.pem and derp-key.pem, both 0600. */
  readonly dir: string;
  /** Names and addresses the relay is reached at; the first is the subject. */
  readonly names: readonly [string, ...string[]];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The kept certificate if it still serves, else a new one that replaces it. */
export async function relayCertificate(
  options: RelayCertificateOptions,
): Promise<Result<RelayCertificate, Problem>> {
  const certPath = join(options.dir, "derp-cert.pem");
  const keyPath = join(options.dir, "derp-key.pem");
  try {
    const [cert, key] = await Promise.all([readIfThere(certPath), readIfThere(keyPath)]);
    const kept = cert === undefined || key === undefined ? undefined : usable(cert, key, options);
    if (kept !== undefined) return ok(kept);
    const made = await make(options);
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    // The key first: a crash in between leaves a pair that does not match, which the next start replaces.
    await replace(keyPath, made.key);
    await replace(certPath, made.cert);
    return ok(made);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    return err(
      problem(
        "setup",
        `relay certificate: ${certPath} cannot be read or written (${code})`,
        "make the folder writable for this user",
      ),
    );
  }
}

export const pinOf = (certificate: X509Certificate): string =>
  `sha256-raw:${createHash("sha256").update(certificate.raw).digest("hex")}`;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

function usable(
  cert: string,
  key: string,
  { names, now }: RelayCertificateOptions,
): RelayCertificate | undefined {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(cert);
    if (!parsed.checkPrivateKey(createPrivateKey(key))) return undefined;
  } catch {
    return undefined; // damaged: replaced like one that has expired
  }
  const covered = names.every((name) =>
    parseAddr(name) === undefined ? parsed.checkHost(name) !== undefined : parsed.checkIP(name) !== undefined,
  );
  const renewAt = Date.parse(parsed.validTo) - renewMs;
  if (!covered || now >= renewAt || now < Date.parse(parsed.validFrom)) return undefined;
  return { cert, key, pin: pinOf(parsed), renewAt };
}

async function make({ names, now }: RelayCertificateOptions): Promise<RelayCertificate> {
  const made = await generate([{ name: "commonName", value: names[0] }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // Clients whose clocks are behind must not find it not yet valid.
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + validMs),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) =>
          parseAddr(name) === undefined ? { type: 2, value: name } : { type: 7, ip: name },
        ),
      },
    ],
  });
  const parsed = new X509Certificate(made.cert);
  return {
    cert: made.cert,
    key: made.private,
    pin: pinOf(parsed),
    renewAt: Date.parse(parsed.validTo) - renewMs,
  };
}

/** Whole or not at all, and readable by this user alone from the first byte on. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}
