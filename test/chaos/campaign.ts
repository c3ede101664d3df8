// Kills an installation again and again while it works, starts it again, and asks each time: is the log whole, is every
// acknowledged change there exactly once, does the API say what the log says, and are the clients back?

import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Random } from "../support/history.ts";
import { Up } from "../support/up.ts";
import { Api } from "./api.ts";
import { History } from "./history.ts";
import { Holder } from "./holder.ts";
import { Ledger } from "./ledger.ts";
import { Load } from "./load.ts";
import { readCopy, readLog } from "./log-reader.ts";
import { judgeApi, judgeHistory, judgeHolders } from "./verdict.ts";

export interface CampaignOptions {
  /** Of the whole tree; other kills come on top. */
  readonly kills: number;
  readonly seed: number;
  readonly workers?: number;
  readonly holders?: number;
  /** How long clients have to come back and know everything, once it serves again. */
  readonly backMs?: number;
  readonly say?: (line: string) => void;
}

/** During a start, the server does not serve yet; under load, it does. */
type Moment = "tree under load" | "tree during a start" | "nats-server alone" | "up alone";

export interface Report {
  readonly seed: number;
  readonly kills: Readonly<Record<Moment, number>>;
  readonly operations: {
    readonly ok: number;
    readonly refused: number;
    readonly unknown: number;
    readonly repeated: number;
  };
  readonly log: { readonly messages: number; readonly decisions: number; readonly reauthenticated: number };
  readonly nodes: number;
  readonly slowestStartMs: number;
  readonly slowestBackMs: number;
  readonly seconds: number;
  readonly violations: readonly string[];
  /** The installation's folder; kept when something is wrong. */
  readonly folder: string | undefined;
}

const enough = 20;

export async function runCampaign(options: CampaignOptions): Promise<Report> {
  const up = await Up.create();
  const killNow = (): void => up.killNow();
  process.once("exit", killNow);
  const campaign = new Campaign(options, up);
  try {
    const report = await campaign.run();
    if (report.folder === undefined) await up.end();
    return report;
  } catch (error) {
    throw new Error(`seed ${options.seed}, folder ${up.root} is kept`, { cause: error });
  } finally {
    await up.kill("tree");
    process.removeListener("exit", killNow);
  }
}

class Campaign {
  private readonly options: CampaignOptions;
  private readonly up: Up;
  private readonly random: Random;
  private readonly history = new History();
  private readonly ledger = new Ledger();
  private readonly violations: string[] = [];
  private readonly known = new Set<string>();
  private readonly kills: Record<Moment, number> = {
    "tree under load": 0,
    "tree during a start": 0,
    "nats-server alone": 0,
    "up alone": 0,
  };
  private holders: Holder[] = [];
  private load: Load | undefined;
  private slowestStartMs = 0;
  private slowestBackMs = 0;

  constructor(options: CampaignOptions, up: Up) {
    this.options = options;
    this.up = up;
    this.random = new Random(options.seed);
  }

  async run(): Promise<Report> {
    const began = performance.now();
    const ready = await this.start();
    const api = new Api(this.up.url, ready.apiKey, this.history);
    await this.settle(api);
    let trees = 0;
    for (let round = 1; trees < this.options.kills && this.violations.length < enough; round++) {
      const extra = round % 6 === 3 ? "nats-server alone" : round % 6 === 5 ? "up alone" : undefined;
      const moments: Moment[] =
        extra === undefined
          ? this.random.chance(25)
            ? ["tree under load", "tree during a start"]
            : ["tree under load"]
          : [extra];
      for (const moment of moments.slice(0, extra === undefined ? this.options.kills - trees : 1)) {
        await this.strike(moment, api);
        if (extra === undefined) trees++;
      }
      if (extra !== "nats-server alone") await this.start();
      await this.inspect(api, `${round}: ${moments.join(", then ")}`);
    }
    await this.finish();
    return this.report((performance.now() - began) / 1000);
  }

  private async start(): Promise<Awaited<ReturnType<Up["start"]>>> {
    const began = performance.now();
    const ready = await this.up.start();
    this.slowestStartMs = Math.max(this.slowestStartMs, performance.now() - began);
    return ready;
  }

  /** Clients that stay, and the load beside them. */
  private async settle(api: Api): Promise<void> {
    const { holders = 4, seed, workers = 12 } = this.options;
    this.load = new Load({ api, url: this.up.url, seed, workers });
    const user = await api.change(
      { kind: "create-user", name: "holders" },
      { id: `chaos-${seed}-holders`, method: "POST", path: "/api/v1/user", body: { name: "holders" } },
      (json: { user: { id: string } }) => json.user.id,
    );
    if (user.outcome.kind !== "ok" || user.outcome.made === undefined) throw new Error(JSON.stringify(user));
    const key = await this.load.createKey(user.outcome.made, true);
    if (key === undefined) throw new Error("no key for the clients that stay");
    for (let n = 0; n < holders; n++) this.holders.push(await Holder.join(this.up.url, "holder", key.token));
    this.load.start();
  }

  private async strike(moment: Moment, api: Api): Promise<void> {
    const { random, up } = this;
    this.kills[moment]++;
    switch (moment) {
      case "tree under load":
        await pause(20 + random.int(1_500));
        return up.kill("tree");
      case "tree during a start":
        up.begin();
        await pause(100 + random.int(4_000));
        return up.kill("tree");
      case "up alone": {
        await pause(20 + random.int(1_500));
        await up.kill("up");
        return;
      }
      case "nats-server alone": {
        await pause(20 + random.int(1_500));
        const before = up.natsPid;
        await up.kill("nats-server");
        await this.natsBack(before);
        await api.nodes();
        return;
      }
    }
  }

  private async natsBack(before: number | undefined): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (this.up.natsPid === undefined || this.up.natsPid === before) {
      if (performance.now() > deadline)
        throw new Error(`nats-server is not started again:\n${this.up.tail()}`);
      await pause(20);
    }
  }

  /** All workers wait; what is unfinished is repeated until it is done; then everything is compared. */
  private async inspect(api: Api, what: string): Promise<void> {
    await this.load?.gate.close();
    const clients = await judgeHolders(api, this.holders, this.options.backMs ?? 30_000);
    this.slowestBackMs = Math.max(this.slowestBackMs, clients.tookMs);
    await readLog(this.up.state, this.ledger);
    this.note(what, [
      ...this.ledger.violations.splice(0),
      ...this.history.violations.splice(0),
      ...judgeHistory(this.history, this.ledger),
      ...(await judgeApi(api, this.ledger)),
      ...clients.wrong,
    ]);
    const { ledger } = this;
    this.options.say?.(
      `${what}: ${ledger.seq} messages, ${ledger.decisions.size} decisions, ${ledger.nodes.size} nodes, clients back after ${Math.round(clients.tookMs)} ms, ${this.violations.length} violations`,
    );
    this.load?.gate.open();
  }

  private note(when: string, wrong: readonly string[]): void {
    for (const one of wrong) {
      // What is wrong in the history stays wrong.
      if (this.known.has(one)) continue;
      this.known.add(one);
      this.violations.push(`round ${when}: ${one}`);
      this.options.say?.(`VIOLATION ${one}`);
    }
  }

  /** Ends everything and reads the disk once more, with a ledger that knows nothing. */
  private async finish(): Promise<void> {
    await this.load?.stop();
    await Promise.all(this.holders.map((holder) => holder.stop()));
    this.holders = [];
    await readLog(this.up.state, this.ledger);
    await this.up.stop();
    const fresh = new Ledger();
    await readCopy(this.up.state, fresh);
    await readCopy(this.up.state, this.ledger);
    this.note("at the end", [
      ...fresh.violations,
      ...this.ledger.violations.splice(0),
      ...judgeHistory(this.history, fresh),
    ]);
  }

  private report(seconds: number): Report {
    const { history, kills, ledger, options, violations } = this;
    return {
      seed: options.seed,
      kills,
      operations: {
        ok: history.count("ok"),
        refused: history.count("fail"),
        unknown: history.count("unknown"),
        repeated: history.repeated,
      },
      log: {
        messages: ledger.seq,
        decisions: ledger.decisions.size,
        reauthenticated: ledger.reauthenticated,
      },
      nodes: ledger.nodes.size,
      slowestStartMs: Math.round(this.slowestStartMs),
      slowestBackMs: Math.round(this.slowestBackMs),
      seconds: Math.round(seconds),
      violations,
      folder: violations.length === 0 ? undefined : this.up.root,
    };
  }
}

export const newSeed = (): number => randomBytes(4).readUInt32BE() >>> 1;
