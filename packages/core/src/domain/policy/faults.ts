// What is wrong with a policy text, collected while it is read, so that all of it is reported at once, with places.

import { problem } from "../../lib/errors.ts";
import type { ErrorCode, Problem } from "../../lib/errors.ts";

/** More than this and nobody reads on. */
const MOST = 50;

export class Faults {
  private readonly text: string;
  private readonly found: { offset: number; code: ErrorCode; message: string; hint: string | undefined }[] =
    [];

  constructor(text: string) {
    this.text = text;
  }

  get any(): boolean {
    return this.found.length > 0;
  }

  add(offset: number, message: string, hint?: string, code: ErrorCode = "invalid"): void {
    if (this.found.length < MOST) this.found.push({ offset, code, message, hint });
  }

  /** In the order of the text, each with `line:column`, both from 1; columns count UTF-16 units, as editors do. */
  problems(): readonly Problem[] {
    let line = 1;
    let start = 0;
    return this.found
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ offset, code, message, hint }) => {
        for (
          let end = this.text.indexOf("\n", start);
          end >= 0 && end < offset;
          end = this.text.indexOf("\n", start)
        ) {
          line += 1;
          start = end + 1;
        }
        return problem(code, `policy ${line}:${offset - start + 1}: ${message}`, hint);
      });
  }
}

/** A piece of the text as a message may show it. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
