// What needs the admin key: connect with it, show or apply the difference in streams and buckets, and leave.

import type { Problem } from "../lib/errors.ts";
import { ProblemError } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";
import { checkVersion } from "./check.ts";
import { connectNats } from "./connect.ts";
import type { NatsSettings } from "./connect.ts";
import { converge, plan } from "./provision.ts";
import type { Change, ProvisionOptions } from "./provision.ts";

export interface AdminOptions extends ProvisionOptions {
  readonly nats: Omit<NatsSettings, "role">;
  /** Only show what would change. */
  readonly dryRun?: boolean;
}

export async function provision(options: AdminOptions): Promise<Result<readonly Change[], Problem>> {
  const connected = await connectNats({ ...options.nats, role: "admin" });
  if (!connected.ok) return connected;
  const link = connected.value;
  try {
    const old = checkVersion(link.serverVersion);
    if (old !== undefined) return err(old);
    if (options.dryRun === true) return ok(await plan(link, options.replicas));
    return await converge(link, options);
  } catch (error) {
    if (error instanceof ProblemError) return err(error.problem);
    throw error;
  } finally {
    await link.close();
  }
}
