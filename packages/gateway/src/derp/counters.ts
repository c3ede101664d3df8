// What the relay counts. Names become metrics; a new one needs no other change.

export type DerpCount =
  | "accepted" // admitted connections
  | "rejected" // keys that admission refused
  | "handshake_failed" // timed out, malformed, or a box that does not open
  | "overloaded" // handshakes given up for newer ones, because there were too many or they held too much
  | "replaced" // a newer connection of the same key took over
  | "stuck" // closed because a write took too long or control frames piled up
  | "protocol_error" // closed for a malformed or forbidden frame
  | "packets_in"
  | "bytes_in"
  | "packets_relayed"
  | "packets_dropped_full" // the receiver's queue was full; the oldest went
  | "packets_dropped_absent" // nobody here has that key
  | "home_noted"
  | "home_left";

export interface Counters<Name extends string> {
  add(name: Name, by: number): void;
}
export type DerpCounters = Counters<DerpCount>;
