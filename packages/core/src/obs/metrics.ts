// Metrics, all called `hydrascale_*`. Code counts by short names and need not declare them; the names of labels are those of
// the first use. The number of label sets per metric is bounded, so that no client can grow the server's memory with them.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export type Labels = Readonly<Record<string, string>>;

/** What code that counts needs. */
export interface Counters {
  /** Adds one (or `by`) to `hydrascale_<name>_total`. */
  inc(name: string, labels?: Labels, by?: number): void;
}

export interface Metrics extends Counters {
  /** Sets `hydrascale_<name>`. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** Reads the value when somebody asks for it. */
  gaugeFrom(name: string, help: string, read: () => number): void;
  /** Adds a value in seconds to the histogram `hydrascale_<name>_seconds`. */
  observe(name: string, seconds: number, labels?: Labels): void;
  /** The whole in Prometheus's text form. */
  text(): Promise<string>;
  readonly contentType: string;
}

const maxLabelSets = 500;
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const full = (name: string, suffix: string): string => {
  const prefixed = name.startsWith("hydrascale_") ? name : `hydrascale_${name}`;
  const clean = prefixed.replace(/[^A-Za-z0-9_]/g, "_");
  return suffix === "" || clean.endsWith(suffix) ? clean : clean + suffix;
};
const helpOf = (name: string): string => name.replace(/^hydrascale_/, "").replaceAll("_", " ");

interface Kept<M> {
  readonly metric: M;
  readonly labelNames: readonly string[];
  readonly seen: Set<string>;
}

/** Metrics of one kind, made at first use. */
class Family<M> {
  private readonly kept = new Map<string, Kept<M>>();
  private readonly suffix: string;
  private readonly make: (name: string, labelNames: string[]) => M;

  constructor(suffix: string, make: (name: string, labelNames: string[]) => M) {
    this.suffix = suffix;
    this.make = make;
  }

  /** The metric and the labels to use: exactly its own names, `other` once there are too many sets. */
  at(name: string, labels: Labels = {}): { metric: M; labels: Record<string, string> } {
    const key = full(name, this.suffix);
    let kept = this.kept.get(key);
    if (kept === undefined) {
      const labelNames = Object.keys(labels);
      kept = { metric: this.make(key, labelNames), labelNames, seen: new Set() };
      this.kept.set(key, kept);
    }
    const set = Object.fromEntries(
      kept.labelNames.map((label) => [label, (labels[label] ?? "").slice(0, 100)]),
    );
    const id = JSON.stringify(set);
    if (kept.seen.has(id)) return { metric: kept.metric, labels: set };
    if (kept.seen.size >= maxLabelSets)
      return {
        metric: kept.metric,
        labels: Object.fromEntries(kept.labelNames.map((label) => [label, "other"])),
      };
    kept.seen.add(id);
    return { metric: kept.metric, labels: set };
  }
}

export interface MetricsOptions {
  /** Also report the process itself: CPU, memory, event loop. */
  readonly process?: boolean;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry, prefix: "hydrascale_" });
  const counters = new Family(
    "_total",
    (name, labelNames) => new Counter({ name, help: helpOf(name), labelNames, registers }),
  );
  const gauges = new Family(
    "",
    (name, labelNames) => new Gauge({ name, help: helpOf(name), labelNames, registers }),
  );
  const histograms = new Family(
    "_seconds",
    (name, labelNames) => new Histogram({ name, help: helpOf(name), labelNames, buckets, registers }),
  );
  return {
    inc: (name, labels, by = 1) => {
      const at = counters.at(name, labels);
      at.metric.inc(at.labels, by);
    },
    gauge: (name, value, labels) => {
      const at = gauges.at(name, labels);
      at.metric.set(at.labels, value);
    },
    gaugeFrom: (name, help, read) => {
      const gauge = new Gauge({
        name: full(name, ""),
        help,
        registers: [],
        collect() {
          this.set(read());
        },
      });
      registry.registerMetric(gauge);
    },
    observe: (name, seconds, labels) => {
      const at = histograms.at(name, labels);
      at.metric.observe(at.labels, seconds);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** Counts nothing; for tests that do not look at counts. */
export const noCounters: Counters = { inc: () => undefined };
