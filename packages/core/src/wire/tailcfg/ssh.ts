// SSHPolicy (protocol 8.8). Unlike everywhere else on this wire, names start in lower case.

export interface SSHPolicy {
  readonly rules: readonly SSHRule[]; // first match wins; [] = no access
}

export interface SSHRule {
  readonly ruleExpires?: string;
  readonly principals: readonly SSHPrincipal[];
  /** Asked user (or "*") → local user. "=" the same but never root, "" denied. */
  readonly sshUsers: Readonly<Record<string, string>>;
  readonly action: SSHAction;
  readonly acceptEnv?: readonly string[]; // needs the node attribute ssh-env-vars
}

/** Any one field that matches is enough; none given never matches. */
export interface SSHPrincipal {
  readonly node?: string; // StableID
  readonly nodeIP?: string;
  readonly userLogin?: string;
  readonly any?: boolean;
}

/** Exactly one of accept, reject, holdAndDelegate. */
export interface SSHAction {
  readonly message?: string;
  readonly reject?: boolean;
  readonly accept?: boolean;
  readonly sessionDuration?: number; // nanoseconds, 0 = unlimited
  readonly allowAgentForwarding?: boolean;
  readonly holdAndDelegate?: string; // https:// always
  readonly allowLocalPortForwarding?: boolean;
  readonly allowRemotePortForwarding?: boolean;
  readonly recorders?: readonly string[];
}
