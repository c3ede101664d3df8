// What the transport counts. Given from outside: this layer knows no metrics library.

export interface Counters {
  inc(name: string, labels?: Readonly<Record<string, string>>): void;
}

export const noCounters: Counters = { inc: () => undefined };
