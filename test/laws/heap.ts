// The heap once all is done and collected; the process has to be started with --expose-gc.

export async function settledHeap(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("start node with --expose-gc");
  // What was put off to a later turn still holds what it will let go.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 3; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
