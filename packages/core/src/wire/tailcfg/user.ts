// Users as clients know them (protocol 8.4, 5.2).

export interface UserProfile {
  readonly ID: number;
  readonly LoginName: string; // UIs split it at "@", if there is one
  readonly DisplayName: string;
  readonly ProfilePicURL?: string;
  readonly Groups?: readonly string[];
}

export interface User {
  readonly ID: number;
  readonly DisplayName: string;
  readonly ProfilePicURL?: string;
  readonly Created?: string; // ∅ = unknown
}

export interface Login {
  readonly ID: number;
  readonly Provider: string;
  readonly LoginName: string; // not empty once login is complete: the client's profile hangs on it
  readonly DisplayName: string;
  readonly ProfilePicURL?: string;
}

/** The owner that clients are shown for tagged nodes; the number is headscale's. */
export const taggedDevices: UserProfile = {
  ID: 2147455555,
  LoginName: "tagged-devices",
  DisplayName: "Tagged Devices",
};
