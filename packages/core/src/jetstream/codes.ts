// The one place that knows JetStream's error numbers. A code that is not listed leaves the outcome unknown, which is
// always safe: the author looks before it tries again.

export interface ApiError {
  readonly code: number;
  readonly errCode: number;
  readonly description: string;
}

export const conflictCode = 10071;
export const busyCode = 10164;
export const streamNotFound = 10059;
export const messageNotFound = 10037;

interface Refusal {
  readonly reason: string;
  /** It may be taken later, without anybody changing the request. */
  readonly retry: boolean;
}

export const refusals: ReadonlyMap<number, Refusal> = new Map([
  [10023, { reason: "the server is short of resources", retry: true }],
  [10028, { reason: "the account is short of memory or storage", retry: true }],
  [10039, { reason: "jetstream is not enabled for this account", retry: true }],
  [10047, { reason: "the server has no storage left", retry: true }],
  [10054, { reason: "the message is larger than the stream takes", retry: false }],
  [10060, { reason: "another stream was expected on this subject", retry: false }],
  [10076, { reason: "jetstream is not enabled on this server", retry: true }],
  [10077, { reason: "the stream cannot store it", retry: true }],
  [10109, { reason: "the stream is sealed", retry: false }],
  [10165, { reason: "the time to live is not valid", retry: false }],
  [10166, { reason: "the stream takes no time to live", retry: false }],
  [10167, { reason: "too many writes are queued", retry: true }],
]);

export function apiErrorOf(answer: unknown): ApiError | undefined {
  if (typeof answer !== "object" || answer === null || !("error" in answer)) return undefined;
  const { error } = answer;
  if (typeof error !== "object" || error === null) return undefined;
  // The server's own format; what is missing or of another type reads as nothing.
  const { code, err_code, description } = error as Readonly<Record<string, unknown>>;
  return {
    code: typeof code === "number" ? code : 0,
    errCode: typeof err_code === "number" ? err_code : 0,
    description: typeof description === "string" ? description : "",
  };
}

/** The number at the end of "wrong last sequence: 12"; the code says what kind of text it is. */
export function lastSequenceIn(error: ApiError): number | undefined {
  const digits = /(\d{1,16})$/.exec(error.description)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
