// What one peer may cost: the codec's own bounds, next to the configurable ones of the port. Anybody can complete a
// Noise handshake, so every number here is an answer to "and what if it never stops?".

/** SETTINGS_MAX_FRAME_SIZE in both directions: the protocol's default, which no peer may lower. */
export const frameBytes = 16_384;
/** Receive windows, of a stream and of the connection: the protocol's default. */
export const windowBytes = 65_535;
export const maxWindow = 0x7fff_ffff;
/** A header block, compressed, and the CONTINUATION frames it may take. */
export const blockBytes = 16_384;
export const blockContinuations = 8;
/** SETTINGS_HEADER_TABLE_SIZE: the default, since a peer may use it until it has acknowledged another. */
export const tableBytes = 4_096;
export const settingsEntries = 64;
/** DATA handed to the transport at once; more waits until the transport took it. */
export const flushBytes = 65_536;
/** Above this a stream's writer is told to wait. */
export const streamQueueBytes = 65_536;
/** Control frames waiting for a peer that does not read. */
export const unreadFrames = 1_000;
/** Streams we reset lately: what the peer had under way for them is ignored. */
export const resetsRemembered = 32;
/** Answered streams whose body still comes: how many, and how long before they are reset. */
export const leftoverStreams = 32;
export const leftoverMs = 1_000;
/** A complete answer of which the peer takes nothing for so long is given up. */
export const stalledMs = 120_000;
export const openPings = 4;
/** From our last frame to the peer's end of the connection: after the frame left, and in all. */
export const lingerMs = 500;
export const farewellMs = 10_000;

/**
 * Frames that cost us and give the peer nothing: resets, pings, settings, empty DATA, errors that we answer.
 * A healthy Go client sends a PING with each reset, so the burst is generous.
 */
export class Patience {
  private left = 1_000;
  private since: number;
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
    this.since = now();
  }

  /** false: it has run out. */
  take(): boolean {
    if (--this.left >= 0) return true;
    const now = this.now();
    this.left = Math.min(1_000, Math.floor(((now - this.since) / 1_000) * 33)) - 1;
    this.since = now;
    return this.left >= 0;
  }
}
