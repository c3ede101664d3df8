// Short pages that tell how to point a client at this server.

import { html, page } from "./html.ts";

export const applePage = (origin: string): string =>
  page(
    "Apple devices",
    html`<h2>macOS, command line</h2>
      <pre>tailscale up --login-server ${origin}</pre>
      <h2>macOS, app</h2>
      <p>
        Hold the option key, open the Tailscale menu, choose Debug, Custom Login Server, Add Account, and
        give:
      </p>
      <pre>${origin}</pre>
      <h2>iOS and tvOS</h2>
      <p>
        In the app open the account menu, choose Use custom coordination server (in older versions: Settings,
        Tailscale, Alternate Coordination Server URL), and give the same address.
      </p>`,
  );

/** Where Windows clients read their policy. */
const policyKey = String.raw`HKLM:\SOFTWARE\Policies\Tailscale`;

export const windowsPage = (origin: string): string =>
  page(
    "Windows",
    html`<p>Install Tailscale, then in a command prompt:</p>
      <pre>tailscale up --login-server ${origin}</pre>
      <p>To set it for all users of a machine before the first start, in an administrator's PowerShell:</p>
      <pre>
New-Item -Force -Path ${policyKey}
New-ItemProperty -Force -Path ${policyKey} -Name LoginURL -PropertyType String -Value ${origin}</pre>`,
  );
