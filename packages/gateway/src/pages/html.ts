// Pages as text. Everything put into a template is escaped; only what a template made itself goes in as it is.

export interface Html {
  readonly text: string;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c] ?? c);

export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Html)[]): Html {
  let text = parts[0] ?? "";
  values.forEach((value, i) => {
    text += typeof value === "object" ? value.text : escapeHtml(String(value));
    text += parts[i + 1] ?? "";
  });
  return { text };
}

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:3rem auto;padding:0 1rem;color:#1c2430;background:#fff}" +
  "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}code,pre{font:14px/1.45 ui-monospace,monospace}" +
  "pre{background:#f1f4f8;padding:.8rem 1rem;overflow-x:auto;border-radius:6px}td{padding:.2rem 1rem .2rem 0;vertical-align:top}" +
  "@media(prefers-color-scheme:dark){body{color:#dde3ea;background:#14181e}pre{background:#20262e}a{color:#8ab4ff}}";

export const page = (title: string, ...body: readonly Html[]): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        <style>
          ${{ text: style }}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${{ text: body.map((b) => b.text).join("\n") }}
      </body>
    </html> `.text;
