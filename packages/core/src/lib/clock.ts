// Time and timers come in from outside, so that everything above runs under a test's clock.

export interface Clock {
  /** Wall time in milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds that only grow; for time-outs and ages. */
  monotonic(): number;
  /** Calls back once; returns the function that takes it back. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
