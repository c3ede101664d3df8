// What a law is to its runner: a case for every seed, and the same case for the same seed on every machine.

export interface Law {
  readonly name: string;
  /** What one case is, for the counts. */
  readonly unit: string;
  /** Cases for each run asked for. */
  readonly perRun: number;
  /** Throws where the law is broken. */
  readonly check: (seed: number) => void | Promise<void>;
  /** Growth of the heap over all cases, in bytes, that is still no leak. Undefined: not looked at. */
  readonly mayGrow?: number;
}
