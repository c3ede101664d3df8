// What comes into the tailnet from this gateway's configuration, files and URLs (design rule 10): settings, relay map,
// extra records, and in file mode the policy. An input becomes an event when *this* gateway's input changed since it
// last issued one, never to undo another gateway's.

import { readFile } from "node:fs/promises";
import { parseRecordsFile } from "@hydrascale/core/config/records";
import type { Config } from "@hydrascale/core/config/schema";
import { settingsHash, toSettings } from "@hydrascale/core/config/settings";
import { watchFile } from "@hydrascale/core/config/watch";
import type { FileWatch } from "@hydrascale/core/config/watch";
import type { Principal } from "@hydrascale/core/domain/message";
import type { ExtraRecord } from "@hydrascale/core/domain/directory/settings";
import { messageOf, problem } from "@hydrascale/core/lib/errors";
import type { Problem } from "@hydrascale/core/lib/errors";
import { err, ok } from "@hydrascale/core/lib/result";
import type { Result } from "@hydrascale/core/lib/result";
import type { Logger } from "@hydrascale/core/obs/log";
import type { DERPMap } from "@hydrascale/core/wire/tailcfg/derp";
import type { DerpMapSource } from "./derp/map-source.ts";
import type { TailnetService } from "./service.ts";

export interface InputsOptions {
  readonly config: Config;
  readonly service: TailnetService;
  readonly derp: (onChange: (map: DERPMap) => void) => DerpMapSource;
  readonly log: Logger;
  /** Compiles a policy text; what is wrong with it. */
  readonly checkPolicy: (text: string) => readonly Problem[];
}

const by: Principal = { kind: "system", name: "config" };

export class Inputs {
  private readonly options: InputsOptions;
  private records: readonly ExtraRecord[];
  private readonly derp: DerpMapSource;
  private derpMap: DERPMap = { Regions: {} };
  private lastHash: string | undefined;
  private queue: Promise<void> = Promise.resolve();
  private watch: FileWatch | undefined;

  private constructor(options: InputsOptions, records: readonly ExtraRecord[]) {
    this.options = options;
    this.records = records;
    this.derp = options.derp((map) => {
      this.derpMap = map;
      this.issueSoon();
    });
  }

  /** Reads every input once and brings the tailnet to it; then follows the files. A bad input at start is an error. */
  static async start(options: InputsOptions): Promise<Result<Inputs, Problem>> {
    const records = await readRecords(options.config);
    if (!records.ok) return records;
    const inputs = new Inputs(options, records.value);
    const map = await inputs.derp.refresh();
    if (!map.ok) return map;
    inputs.derpMap = map.value;
    const settings = await inputs.issueSettings();
    if (!settings.ok) return settings;
    const policy = await inputs.readPolicyFile();
    if (!policy.ok) return policy;
    await inputs.follow();
    return ok(inputs);
  }

  async stop(): Promise<void> {
    this.watch?.close();
    this.derp.close();
    await this.queue;
  }

  private async follow(): Promise<void> {
    const { config, log } = this.options;
    const path = config.dns.extra_records_path;
    if (path === "") return;
    const kept = (reason: string): void =>
      log.warn("extra records are not read: the last good ones stay", { file: path, reason });
    this.watch = await watchFile(path, {
      unreadable: kept,
      changed: (text) => {
        const read = parseRecordsFile(text, path);
        if (!read.ok) return kept(read.error.message);
        this.records = read.value;
        this.issueSoon();
      },
    });
  }

  private issueSoon(): void {
    this.queue = this.queue.then(async () => {
      const issued = await this.issueSettings();
      if (!issued.ok) this.options.log.error("settings cannot be stored", { reason: issued.error.message });
    });
  }

  private async issueSettings(): Promise<Result<void, Problem>> {
    const { config, service } = this.options;
    const settings = toSettings(config, this.derpMap, this.records);
    const hash = settingsHash(settings);
    if (hash === this.lastHash) return ok(undefined);
    const done = await service.execute({ kind: "ChangeSettings", source: "config", hash, settings }, { by });
    if (!done.ok) return done;
    this.lastHash = hash;
    return ok(undefined);
  }

  private async readPolicyFile(): Promise<Result<void, Problem>> {
    const { config, service, checkPolicy } = this.options;
    if (config.policy.mode !== "file" || config.policy.path === "") return ok(undefined);
    let text: string;
    try {
      text = await readFile(config.policy.path, "utf8");
    } catch (error) {
      return err(
        problem(
          "setup",
          `policy.path ${config.policy.path}: cannot be read (${messageOf(error)})`,
          "correct the path or its permissions",
        ),
      );
    }
    const [wrong] = checkPolicy(text);
    if (wrong !== undefined)
      return err(problem("setup", `policy.path ${config.policy.path}: ${wrong.message}`, wrong.hint));
    const done = await service.execute({ kind: "SetPolicy", text, source: "file", ifMatch: null }, { by });
    return done.ok ? ok(undefined) : done;
  }
}

async function readRecords(config: Config): Promise<Result<readonly ExtraRecord[], Problem>> {
  const path = config.dns.extra_records_path;
  if (path === "") return ok(config.dns.extra_records);
  try {
    return parseRecordsFile(await readFile(path, "utf8"), path);
  } catch (error) {
    // A file that does not exist yet is a file without records: it is watched, and may come.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok([]);
    return err(problem("setup", `dns.extra_records_path ${path}: cannot be read (${messageOf(error)})`));
  }
}
