// One tailnet at this gateway, put together: replica, dispatch, activity, sessions, logins and deadlines, behind the
// interface that the doors use.

import type { Command } from "@hydrascale/core/domain/directory/commands";
import type { Node } from "@hydrascale/core/domain/directory/state";
import type { ApiKeyId, BootId, NodeId } from "@hydrascale/core/domain/ids";
import type { LiveEvent, Reach } from "@hydrascale/core/domain/live/events";
import type { Principal } from "@hydrascale/core/domain/message";
import { evtSubject } from "@hydrascale/core/domain/message";
import type { Clock } from "@hydrascale/core/lib/clock";
import { problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { Counters } from "@hydrascale/core/obs/metrics";
import type { Store } from "@hydrascale/core/store/ports";
import { Activity } from "./activity.ts";
import type { ActivityOutcome } from "./activity.ts";
import { Barrier } from "./barrier.ts";
import { newBootId } from "./boot.ts";
import { Dispatch } from "./dispatch.ts";
import { history } from "./history.ts";
import type { Lease } from "./lease.ts";
import { Logins } from "./login/logins.ts";
import { hashKey, mintKey } from "./mint.ts";
import type { Replica } from "./replica.ts";
import type { Secrets } from "./secret.ts";
import type { TailnetService } from "./service.ts";
import { Deadlines } from "./session/deadlines.ts";
import { Mourner } from "./session/mourner.ts";
import { Sessions } from "./session/sessions.ts";
import { Pings } from "./control/ping.ts";
import type { HostUpdate } from "./control/map.ts";

const reachWaitMs = 5_000;
const moveTries = 3;
/** An API key's use is worth one event a minute. */
const keyUseEveryMs = 60_000;

export interface TailnetOptions {
  readonly store: Store;
  readonly replica: Replica;
  readonly lease: Lease;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly serverUrl: string;
  readonly boot: { current: BootId };
  readonly random: () => number;
}

const system = (name: string): Principal => ({ kind: "system", name });

export class Tailnet implements TailnetService {
  readonly replica: Replica;
  readonly sessions: Sessions;
  readonly logins: Logins;
  readonly pings: Pings;
  readonly mourner: Mourner;
  private readonly options: TailnetOptions;
  private readonly barriers: Barrier;
  private readonly dispatch: Dispatch;
  private deadlines: Deadlines | undefined;
  private activity: Activity;

  constructor(options: TailnetOptions) {
    this.options = options;
    const { store, replica, lease, clock, counters, random, log } = options;
    this.replica = replica;
    const boot = (): BootId => options.boot.current;
    const isCurrent = (): boolean => lease.current;
    this.barriers = new Barrier({
      log: store.evt,
      subject: evtSubject(replica.tid),
      lease,
      clock,
      reached: (seq, ms) => replica.evtReached(seq, ms),
    });
    this.dispatch = new Dispatch({
      store,
      replica,
      clock,
      counters,
      boot,
      isCurrent,
      barrier: this.barriers,
      policy: () => replica.netmap.policy,
    });
    this.activity = this.newActivity();
    this.sessions = new Sessions({
      replica,
      clock,
      counters,
      boot,
      random,
      append: (event) => this.appendLive(event),
    });
    this.logins = new Logins(store.pending, (id) => {
      const outcome = this.directory.logins.get(id)?.outcome.kind;
      return outcome === "completed" || outcome === "denied";
    });
    this.pings = new Pings(clock, this.sessions, options.serverUrl);
    this.mourner = new Mourner({ store, replica, clock, log, boot, isCurrent });
    replica.listen({
      activity: (event) => {
        if (event.kind === "GatewayEnded" && event.boot === options.boot.current) this.activity.fence();
      },
      decision: (_seq, decision) => {
        for (const event of decision.events) {
          if (event.kind === "LoginCompleted" || event.kind === "LoginDenied")
            this.logins.settled(event.login);
          // Its last activity is of no use to anybody; ids are never used again.
          else if (event.kind === "NodeDeleted" && this.live.live.has(event.node))
            void this.appendLive({ kind: "NodeForgotten", node: event.node });
        }
      },
    });
  }

  /** After the replica started and the lease was taken. */
  async start(servingSince: number): Promise<void> {
    const { lease } = this.options;
    await this.logins.start();
    await this.forgetTheGone();
    this.mourner.start();
    this.deadlines = new Deadlines({
      replica: this.replica,
      clock: this.options.clock,
      servingSince: () => Math.max(servingSince, lease.servingSince),
      caughtUp: () => lease.renew().catch(() => false),
      isHere: (node) => this.sessions.isHere(node),
      command: async (command) => (await this.execute(command, { by: system("deadlines") })).ok,
    });
  }

  async stop(): Promise<void> {
    this.deadlines?.stop();
    this.mourner.stop();
    this.sessions.closeAll();
    await this.activity.stop();
    await this.logins.stop();
  }

  get tid() {
    return this.replica.tid;
  }
  get directory() {
    return this.replica.fold.directory;
  }
  get live() {
    return this.replica.fold.live;
  }
  get policy() {
    return this.replica.netmap.policy;
  }

  execute: TailnetService["execute"] = (command, options) => this.dispatch.execute(command, options);

  barrier(): Promise<Result<void, Problem>> {
    return this.barriers.pass();
  }

  async reached(seq: number): Promise<Result<void, Problem>> {
    try {
      await this.replica.evtReached(seq, reachWaitMs);
      return ok(undefined);
    } catch {
      return err(
        problem("unavailable", `sequence ${seq} has not arrived here`, "try again, or without minSeq"),
      );
    }
  }

  mint: TailnetService["mint"] = (kind, id) => mintKey(this.options.secrets.mint, this.tid, kind, id);

  hashKey = hashKey;

  history(from: number) {
    return history(this.options.store.evt, this.replica.tid, this.replica.fold.epoch, from);
  }

  onDecision(listener: Parameters<TailnetService["onDecision"]>[0]): () => void {
    return this.replica.listen({ decision: listener });
  }

  pingNode(id: NodeId): Promise<Result<number, Problem>> {
    const node = this.directory.nodes.get(id);
    if (node === undefined) return Promise.resolve(err(problem("not-found", `node ${id}: does not exist`)));
    return this.pings.ping(id, node.machineKey);
  }

  /** Tells the log that an API key was used, now and then. */
  keyUsed(key: ApiKeyId): void {
    const now = this.options.clock.now();
    const last = this.live.keyUse.get(key)?.lastSeen ?? 0;
    if (now - last >= keyUseEveryMs) void this.appendLive({ kind: "ApiKeyUsed", key, at: now });
  }

  hostDiffers(node: Node, update: HostUpdate): boolean {
    const command: Command = { kind: "UpdateHost", node: node.id, nodeKey: node.nodeKey, ...update };
    return this.dispatch.wouldChange(command, { by: { kind: "node", machineKey: node.machineKey } });
  }

  /** Appends NodeMoved against whatever session is current when it counts. */
  async moved(node: Node, reach: Reach): Promise<boolean> {
    for (let attempt = 0; attempt < moveTries; attempt++) {
      const session = this.live.live.get(node.id)?.session ?? null;
      const outcome = await this.appendLive({
        kind: "NodeMoved",
        node: node.id,
        session,
        at: this.options.clock.now(),
        reach,
      });
      if (outcome !== "dropped") return outcome === "counted";
    }
    return false;
  }

  /** Activity of nodes that were deleted while nobody listened, or that told something in the same moment. */
  private async forgetTheGone(): Promise<void> {
    const lone = [...this.live.live.values()].filter(({ id }) => !this.directory.nodes.has(id));
    // A node stands in EVT before it tells anything, but this fold may have ACT further than EVT.
    if (lone.length === 0 || !(await this.barrier()).ok) return;
    for (const { id } of lone)
      if (!this.directory.nodes.has(id)) void this.appendLive({ kind: "NodeForgotten", node: id });
  }

  private appendLive(event: LiveEvent): Promise<ActivityOutcome> {
    return this.activity.append(event);
  }

  private newActivity(): Activity {
    const { store, replica, clock, counters, boot } = this.options;
    return new Activity({
      store,
      replica,
      clock,
      counters,
      boot: boot.current,
      onFenced: () => this.fenced(),
    });
  }

  /** Another gateway declared this process dead: its sessions are over in the log, so a new boot begins and clients come back. */
  private fenced(): void {
    this.options.log.warn("this gateway was declared ended; it goes on under a new boot id", {
      boot: this.options.boot.current,
    });
    this.options.counters.inc("fenced");
    this.options.boot.current = newBootId();
    this.activity = this.newActivity();
    this.sessions.closeAll();
  }
}
