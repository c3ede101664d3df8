// What a server must be before anything is trusted to it: new enough for safe compare-and-set across elections, and
// syncing every write before it answers. Asked of the servers themselves; what cannot be asked is refused.

import { messageOf, problem } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";

export const minServer = "2.14.4";

const askMs = 3_000;
const maxAnswer = 1024 * 1024;

/** "2.15.1-RC.2" → [2, 15, 1]; undefined when it is no version. */
export function versionNumbers(text: string): readonly [number, number, number] | undefined {
  const match = /^v?(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?:[-+].*)?$/.exec(text.trim());
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function isNewEnough(version: string): boolean {
  const have = versionNumbers(version);
  const need = versionNumbers(minServer);
  if (have === undefined || need === undefined) return false;
  for (const [i, part] of have.entries()) if (part !== need[i]) return part > (need[i] ?? 0);
  // A pre-release of the minimum itself is older than it.
  return !version.includes("-");
}

export function checkVersion(version: string): Problem | undefined {
  if (isNewEnough(version)) return undefined;
  return problem(
    "setup",
    `nats-server ${version === "" ? "of unknown version" : version}: too old, ${minServer} or newer is needed`,
    "older ones can lose or double acknowledged writes across elections; upgrade the servers one at a time",
  );
}

/** `monitoring`: `http://host:8222` of every member. The first that does not sync, or cannot be asked, is the problem. */
export async function checkFsync(monitoring: readonly string[]): Promise<Problem | undefined> {
  if (monitoring.length === 0) {
    return problem(
      "setup",
      "nats: no monitoring address is configured",
      "name each server's, so that its sync_interval can be checked",
    );
  }
  const answers = await Promise.all(monitoring.map((url) => checkOne(url)));
  return answers.find((answer) => answer !== undefined);
}

async function checkOne(url: string): Promise<Problem | undefined> {
  let varz: unknown;
  try {
    varz = JSON.parse(await fetchText(new URL("/varz", url)));
  } catch (error) {
    const text = messageOf(error);
    return problem(
      "setup",
      `nats monitoring ${url}: cannot be asked: ${text}`,
      "without it nobody knows whether acknowledged writes survive a power cut",
    );
  }
  // The server's own format; anything else than true is no.
  const { jetstream } = varz as {
    readonly jetstream?: { readonly config?: Readonly<Record<string, unknown>> };
  };
  if (jetstream?.config?.["sync_always"] === true) return undefined;
  return problem(
    "setup",
    `nats ${url}: acknowledged writes are not synced to disk`,
    "set `sync_interval: always` in its jetstream block and restart it",
  );
}

async function fetchText(url: URL): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(askMs) });
  if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxAnswer) throw new Error("answer too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
