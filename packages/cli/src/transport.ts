// One HTTP exchange with a server, over its unix socket or a URL. Says how it failed; repeating is the client's decision.

import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";

export type Target =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "url"; readonly url: URL; readonly apiKey: string };

export interface Exchange {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly response: IncomingMessage }
  /** Nobody listens there: nothing can have happened. */
  | { readonly kind: "absent"; readonly reason: string }
  /** It broke on the way: it may have happened. */
  | { readonly kind: "broken"; readonly reason: string }
  | { readonly kind: "aborted" };

const absent = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EACCES",
  "ENOTSOCK",
]);

function optionsFor(target: Target, exchange: Exchange): RequestOptions {
  const headers: Record<string, string> = {
    accept: "application/json, application/x-ndjson",
    ...exchange.headers,
  };
  if (exchange.body !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(Buffer.byteLength(exchange.body));
  }
  const common = {
    method: exchange.method,
    path: exchange.path,
    signal: exchange.signal,
    agent: false as const,
  };
  if (target.kind === "socket")
    return { ...common, headers: { ...headers, host: "localhost" }, socketPath: target.path };
  const { hostname, port, protocol } = target.url;
  return {
    ...common,
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    headers: { ...headers, authorization: `Bearer ${target.apiKey}` },
  };
}

/** Resolves when the answer's head is there; the time-out is for that. */
export function exchange(target: Target, what: Exchange): Promise<Outcome> {
  return new Promise((resolve) => {
    const send = target.kind === "url" && target.url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(optionsFor(target, what), (response) => {
      clearTimeout(timer);
      resolve({ kind: "answered", status: response.statusCode ?? 0, response });
    });
    const timer = setTimeout(() => {
      request.destroy(new Error(`no answer within ${what.timeoutMs} ms`));
    }, what.timeoutMs);
    request.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (what.signal.aborted) resolve({ kind: "aborted" });
      else if (absent.has(error.code ?? "")) resolve({ kind: "absent", reason: error.code ?? error.message });
      else resolve({ kind: "broken", reason: error.code ?? error.message });
    });
    request.end(what.body);
  });
}

/** The body as text, or undefined when it broke off, was too long or took too long. */
export async function bodyText(
  response: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  try {
    for await (const part of response) {
      const bytes = part as Buffer; // no encoding was set, so parts are Buffers
      size += bytes.length;
      if (size > maxBytes) return undefined;
      parts.push(bytes);
    }
    return response.complete ? Buffer.concat(parts).toString("utf8") : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
