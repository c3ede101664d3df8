// What the workers asked for and what they were told: the evidence that the checker holds against the log.

export type Change =
  | { readonly kind: "create-user"; readonly name: string }
  | { readonly kind: "rename-user"; readonly user: number; readonly name: string }
  | { readonly kind: "delete-user"; readonly user: number }
  | { readonly kind: "create-key"; readonly user: number; readonly reusable: boolean }
  | { readonly kind: "expire-key"; readonly key: number }
  | { readonly kind: "rename-node"; readonly node: number; readonly name: string }
  | { readonly kind: "delete-node"; readonly node: number }
  | {
      readonly kind: "register";
      readonly machineKey: string;
      readonly nodeKey: string;
      readonly key: number;
    };

/** `unknown`: asked, and nobody knows what became of it. */
export type Outcome =
  | { readonly kind: "asked" }
  | { readonly kind: "ok"; readonly made: number | undefined }
  | { readonly kind: "fail"; readonly reason: string }
  | { readonly kind: "unknown" };

export interface Operation {
  /** Idempotency key, which is the decision's id in the log; for a registration its machine key. */
  readonly id: string;
  readonly change: Change;
  attempts: number;
  outcome: Outcome;
}

export class History {
  readonly operations: Operation[] = [];
  /** What must never be answered, whatever happens to the server. */
  readonly violations: string[] = [];

  begin(id: string, change: Change): Operation {
    const operation: Operation = { id, change, attempts: 0, outcome: { kind: "asked" } };
    this.operations.push(operation);
    return operation;
  }

  count(kind: Outcome["kind"]): number {
    return this.operations.filter((one) => one.outcome.kind === kind).length;
  }

  /** Operations that were asked more than once because an answer was lost. */
  get repeated(): number {
    return this.operations.filter((one) => one.attempts > 1).length;
  }
}
