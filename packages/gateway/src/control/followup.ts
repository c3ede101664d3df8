// Waits for a pending login to be decided, at this gateway or any other: those who wait wake on the log.

import { isExpired } from "@hydrascale/core/domain/expiry";
import type { LoginId } from "@hydrascale/core/domain/ids";
import type { PendingLogin } from "../login/pending.ts";
import type { Asked, RegisterOptions } from "./register.ts";

/** Proxies cut long silences; the client comes back with the same URL by itself. */
const holdMs = 10 * 60_000;

/** `again`: there is nothing to wait for (any more), a login is to be begun. `gone`: the client went away. */
export type LoginWait = "done" | "denied" | "again" | "gone";

export async function awaitLogin(
  options: RegisterOptions,
  asked: Asked,
  pending: PendingLogin | undefined,
  id: LoginId | undefined,
): Promise<LoginWait> {
  const { service } = options;
  const state = (): LoginWait | undefined => {
    const node = nodeOf(options, asked);
    if (node === "theirs") return "done";
    const outcome = id === undefined ? undefined : service.directory.logins.get(id)?.outcome;
    if (outcome?.kind === "denied" && pending !== undefined) return "denied";
    return undefined;
  };
  const barrier = await service.barrier();
  if (!barrier.ok) return "again";
  const now = state();
  if (now !== undefined) return now;
  if (pending === undefined) return "again";
  return new Promise((resolve) => {
    const finish = (wait: LoginWait): void => {
      stop();
      cancel();
      asked.signal.removeEventListener("abort", onAbort);
      resolve(wait);
    };
    const onAbort = (): void => finish("gone");
    const stop = service.onDecision(() => {
      const reached = state();
      if (reached !== undefined) finish(reached);
    });
    const cancel = options.clock.after(holdMs, () => finish("again"));
    if (asked.signal.aborted) return finish("gone");
    asked.signal.addEventListener("abort", onAbort);
  });
}

function nodeOf({ service, clock }: RegisterOptions, asked: Asked): "theirs" | "none" {
  const id = service.directory.index.nodeByKey(asked.nodeKey);
  const node = id === undefined ? undefined : service.directory.nodes.get(id);
  const isLive = node !== undefined && node.machineKey === asked.machineKey && !isExpired(node, clock.now());
  return isLive ? "theirs" : "none";
}
