// Tables for people: columns as wide as their widest cell, two spaces apart, no borders, nothing at a line's end.

/** Cells must not break the layout or the terminal, whatever a client called itself. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "�");

const segments = new Intl.Segmenter();
const widthOf = (text: string): number => Array.from(segments.segment(text)).length;

export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(printable))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ""))));
  return cells
    .map((row) =>
      head
        .map((_, column) => {
          const text = row[column] ?? "";
          return text + " ".repeat((widths[column] ?? 0) - widthOf(text));
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Names and values below each other, for one thing. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts
    .map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${printable(value)}`.trimEnd() + "\n")
    .join("");
}
