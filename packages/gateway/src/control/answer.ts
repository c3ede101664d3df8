// Small answers inside Noise.

import type { Http2Response } from "../http2/port.ts";

export function answerText(response: Http2Response, status: number, text: string): void {
  response.respond(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(Buffer.from(`${text}\n`, "utf8"));
}

export function answerJson(response: Http2Response, value: unknown, status = 200): void {
  response.respond(status, { "content-type": "application/json" });
  response.end(Buffer.from(JSON.stringify(value), "utf8"));
}
