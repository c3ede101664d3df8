// One connection to NATS, with the client's defaults changed where they were measured to hurt: it reconnects for ever,
// notices a dead server within seconds, and no request waits longer than two seconds or is queued while disconnected.

import { readFileSync } from "node:fs";
import { connect, errors, headers, nkeyAuthenticator } from "@nats-io/transport-node";
import type { Msg, MsgHdrs, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import type { Clock } from "../lib/clock.ts";
import { messageOf, problem, ProblemError } from "../lib/errors.ts";
import type { Problem } from "../lib/errors.ts";
import { err, ok } from "../lib/result.ts";
import type { Result } from "../lib/result.ts";

export type NatsRole = "admin" | "gateway" | "projector" | "cli";

export interface NatsTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface NatsSettings {
  readonly servers: readonly string[];
  /** `SU…`; never logged. */
  readonly nkeySeed?: string;
  readonly tls?: NatsTls;
  readonly role: NatsRole;
  readonly clock: Clock;
}

export const requestMs = 2_000;
const connectMs = 10_000;

/** A connection that knows whether it is up, and what a request on it means when it fails. */
export class NatsLink {
  readonly nc: NatsConnection;
  readonly inboxPrefix: string;
  private connected = true;
  private lastMaxPayload = 0;
  private readonly watchers = new Set<(up: boolean) => void>();

  constructor(nc: NatsConnection, inboxPrefix: string) {
    this.nc = nc;
    this.inboxPrefix = inboxPrefix;
    void this.supervise();
  }

  get up(): boolean {
    return this.connected && !this.nc.isClosed();
  }

  get serverVersion(): string {
    return this.nc.info?.version ?? "";
  }

  /** As the server said last: between two connections the client knows nothing, and nothing is too large for that. */
  get maxPayload(): number {
    this.lastMaxPayload = this.nc.info?.max_payload ?? this.lastMaxPayload;
    return this.lastMaxPayload;
  }

  onLink(watcher: (up: boolean) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** One request. Rejects with ProblemError(unavailable) for anything that leaves the outcome unknown. */
  async request(subject: string, data: Uint8Array | string, head?: MsgHdrs, ms = requestMs): Promise<Msg> {
    if (!this.up) throw unavailable("not connected to nats");
    try {
      return await this.nc.request(subject, data, {
        timeout: ms,
        ...(head === undefined ? {} : { headers: head }),
      });
    } catch (error) {
      throw translated(error);
    }
  }

  /** A request to the JetStream API; the answer is JSON, and may be an error of the API. */
  async api(subject: string, body: object): Promise<unknown> {
    const answer = await this.request(`$JS.API.${subject}`, JSON.stringify(body));
    return parseJson(answer);
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  private async supervise(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") this.set(false);
      else if (status.type === "reconnect") this.set(true);
    }
    this.set(false);
  }

  private set(up: boolean): void {
    if (this.connected === up) return;
    this.connected = up;
    for (const watcher of this.watchers) watcher(up);
  }
}

export const unavailable = (message: string): ProblemError =>
  new ProblemError(problem("unavailable", message));

export const headersOf = (fields: Readonly<Record<string, string>>): MsgHdrs => {
  const head = headers();
  for (const [name, value] of Object.entries(fields)) head.set(name, value);
  return head;
};

export function parseJson(msg: Msg): unknown {
  try {
    return JSON.parse(msg.string());
  } catch {
    throw unavailable(`nats: answer on ${msg.subject.split(".")[0] ?? ""} is not JSON`);
  }
}

/** The client's errors are many; for us there are two: may not, and do not know. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const cause = error.cause;
  const denied = [error, cause].find((e) => e instanceof errors.PermissionViolationError);
  if (denied instanceof errors.PermissionViolationError) {
    return new ProblemError(
      problem("forbidden", `nats: ${denied.operation} to ${denied.subject} is not allowed`),
      {
        cause: error,
      },
    );
  }
  if (error instanceof errors.TimeoutError || cause instanceof errors.TimeoutError) {
    return unavailable("nats: no answer in time");
  }
  if (error instanceof errors.RequestError && error.isNoResponders()) {
    return unavailable("nats: nobody answers (no leader right now?)");
  }
  if (error instanceof errors.NoRespondersError)
    return unavailable("nats: nobody answers (no leader right now?)");
  return new ProblemError(problem("unavailable", `nats: ${error.message}`), { cause: error });
}

export async function connectNats(settings: NatsSettings): Promise<Result<NatsLink, Problem>> {
  const { clock } = settings;
  let options: NodeConnectionOptions;
  try {
    options = connectionOptions(settings);
  } catch (error) {
    return err(problem("setup", `nats: ${messageOf(error)}`));
  }
  const deadline = clock.monotonic() + connectMs;
  for (;;) {
    try {
      return ok(new NatsLink(await connect(options), inboxPrefixOf(settings.role)));
    } catch (error) {
      const where = settings.servers.join(", ");
      if (error instanceof errors.AuthorizationError) {
        return err(problem("setup", `nats ${where}: the key of role ${settings.role} is not accepted`));
      }
      const text = messageOf(error);
      if (clock.monotonic() >= deadline) return err(problem("unavailable", `nats ${where}: ${text}`));
    }
    await new Promise<void>((resolve) => {
      clock.after(300, resolve);
    });
  }
}

const inboxPrefixOf = (role: NatsRole): string => `_INBOX.${role}`;

function connectionOptions(settings: NatsSettings): NodeConnectionOptions {
  const { nkeySeed, role, servers, tls } = settings;
  return {
    servers: [...servers],
    name: `hydrascale-${role}`,
    inboxPrefix: inboxPrefixOf(role),
    timeout: 3_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    reconnectJitterTLS: 200,
    pingInterval: 2_500,
    maxPingOut: 2,
    ...(nkeySeed === undefined
      ? {}
      : { authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)) }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            handshakeFirst: true,
            ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile, "utf8") }),
            ...(tls.certFile === undefined ? {} : { cert: readFileSync(tls.certFile, "utf8") }),
            ...(tls.keyFile === undefined ? {} : { key: readFileSync(tls.keyFile, "utf8") }),
          },
        }),
  };
}
