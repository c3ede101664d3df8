// The heap after a full collection; the process has to be started with --expose-gc.

export function gc(): number {
  if (globalThis.gc === undefined) throw new Error("start node with --expose-gc");
  for (let i = 0; i < 3; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
