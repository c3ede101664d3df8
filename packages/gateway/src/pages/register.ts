// The page that a machine's login URL leads to. It only shows what an operator has to run: it completes nothing
// itself, so it needs no login and no form. Whoever has the URL may read it.

import type { LoginOutcome } from "@hydrascale/core/domain/directory/state";
import type { PendingLogin } from "../login/pending.ts";
import { html, page } from "./html.ts";
import type { Html } from "./html.ts";

export type LoginView =
  | { readonly kind: "waiting"; readonly login: PendingLogin }
  | {
      readonly kind: "over";
      readonly outcome: LoginOutcome["outcome"];
      readonly nodeName: string | undefined;
    }
  | { readonly kind: "unknown" };

const row = (name: string, value: string): Html =>
  html`<tr>
    <td>${name}</td>
    <td><code>${value}</code></td>
  </tr>`;

function waitingPage(login: PendingLogin, origin: string): string {
  const { host } = login.facts;
  const command = `hydrascale auth register --auth-id ${login.id} --user USERNAME`;
  const curl = [
    `curl -X POST ${origin}/api/v1/auth/register \\`,
    `  -H "Authorization: Bearer $API_KEY" \\`,
    `  -d '{"authId": "${login.id}", "user": "USERNAME"}'`,
  ].join("\n");
  return page(
    "A machine asks to join",
    html`<p>An operator of this network has to let it in. Ask for it, or, if you are one, run:</p>
      <pre>${command}</pre>
      <p>or, from anywhere, with an API key:</p>
      <pre>${curl}</pre>
      <p>
        USERNAME is the user whom the machine will belong to. The machine goes on by itself as soon as this is
        done. Do it only if you know the machine:
      </p>
      <table>
        ${row("host name", host.Hostname ?? "")}${row("system", [host.OS, host.OSVersion].filter(Boolean).join(" "))}${row("client", host.IPNVersion ?? "")}${row("asked from", login.from)}${row("asked at", new Date(login.createdAt).toISOString())}${row("machine key", `${login.machineKey.slice(0, 17)}…`)}
      </table>`,
  );
}

function overPage({ outcome, nodeName }: Extract<LoginView, { kind: "over" }>): string {
  if (outcome.kind === "completed")
    return page(
      "The machine has joined",
      html`<p>It is node <code>${nodeName ?? outcome.node}</code> now. You can close this page.</p>`,
    );
  if (outcome.kind === "approved")
    return page("Approved", html`<p>This login was approved. You can close this page.</p>`);
  return page("Denied", html`<p>An operator denied this login. The machine was told.</p>`);
}

const unknownPage = page(
  "This login is not waiting",
  html`<p>
    It has expired, was completed long ago, or the address is not complete. Run <code>tailscale up</code> or
    <code>tailscale login</code> on the machine again and open the new address that it prints.
  </p>`,
);

/** Status and text of the page. */
export function registerPage(view: LoginView, origin: string): { status: 200 | 404; text: string } {
  if (view.kind === "waiting") return { status: 200, text: waitingPage(view.login, origin) };
  if (view.kind === "over") return { status: 200, text: overPage(view) };
  return { status: 404, text: unknownPage };
}
