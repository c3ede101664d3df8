// The store's contract on a real server. A server per test: sequences and buckets start empty, and a start is cheap.

import { storeContract } from "@hydrascale/core/store/contract";
import { startTestNats } from "../support/nats.ts";

storeContract("jetstream", async () => {
  const nats = await startTestNats();
  return {
    store: await nats.open(),
    connect: () => nats.open(),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    end: () => nats.end(),
  };
});
