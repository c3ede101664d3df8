// Extra DNS records, from the configuration or from a JSON file that is watched. Checked as a whole: one bad record
// refuses the set, with its place and the reason, so that a typo never leaves half of the names behind.

import { z } from "zod";
import type { ExtraRecord } from "../domain/directory/settings.ts";
import { problem, type Problem } from "../lib/errors.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { domainName, isV4, isV6 } from "./address.ts";

export const maxRecords = 10_000;
const maxFileBytes = 4 * 1024 * 1024;

const shape = z.strictObject({ name: z.string(), type: z.string().optional(), value: z.string() });

function checkRecord(input: unknown): Result<ExtraRecord, string> {
  const parsed = shape.safeParse(input);
  if (!parsed.success) return err("must have the members name, type and value, all text, and no others");
  const { name, type = "A", value } = parsed.data;
  const clean = domainName(name);
  if (!clean.ok) return err(`name "${name}" ${clean.error}`);
  const kind = type.toUpperCase();
  if (kind !== "A" && kind !== "AAAA") return err(`type "${type}" is not served; A and AAAA are`);
  if (kind === "A" && !isV4(value)) return err(`value "${value}" is not an IPv4 address, which type A needs`);
  if (kind === "AAAA" && !isV6(value))
    return err(`value "${value}" is not an IPv6 address, which type AAAA needs`);
  return ok({ name: clean.value, type: kind, value: value.toLowerCase() });
}

/** Checked, names in lower case without final dot, exact repeats merged, order kept. The errors name each bad record's index. */
export function checkRecords(input: unknown): Result<readonly ExtraRecord[], readonly string[]> {
  if (!Array.isArray(input)) return err(["must be a list of {name, type, value}"]);
  if (input.length > maxRecords) return err([`has ${input.length} records; at most ${maxRecords} are taken`]);
  const seen = new Map<string, ExtraRecord>();
  const wrong: string[] = [];
  for (const [index, item] of input.entries()) {
    const record = checkRecord(item);
    if (!record.ok) wrong.push(`record ${index}: ${record.error}`);
    else seen.set(`${record.value.name} ${record.value.type} ${record.value.value}`, record.value);
  }
  return wrong.length > 0 ? err(wrong) : ok([...seen.values()]);
}

/** The text of a records file. */
export function parseRecordsFile(text: string, file: string): Result<readonly ExtraRecord[], Problem> {
  if (text.length > maxFileBytes)
    return err(
      problem("too-large", `${file}: more than 4 MiB of records`, "split the names off into a name server"),
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    return err(problem("invalid", `${file}: not JSON: ${why}`, "the last good records stay in use"));
  }
  const checked = checkRecords(value);
  if (checked.ok) return checked;
  return err(
    problem(
      "invalid",
      `${file}: ${checked.error.slice(0, 10).join("; ")}`,
      "the last good records stay in use",
    ),
  );
}
