// What a browser, a probe or a curious person finds at this server, outside the admin API.

import { Hono } from "hono";
import type { Context } from "hono";
import type { LoginId } from "@hydrascale/core/domain/ids";
import type { TailnetService } from "../service.ts";
import { applePage, windowsPage } from "./help.ts";
import { html, page } from "./html.ts";
import { registerPage } from "./register.ts";
import type { LoginView } from "./register.ts";

export interface PagesOptions {
  readonly service: TailnetService;
  /** The URL that clients are given, without a final slash. */
  readonly serverUrl: string;
  readonly product: { readonly version: string; readonly commit: string; readonly buildTime: string };
  /** Why this gateway should get no traffic; empty: it is ready. */
  readonly notReady: () => readonly string[];
}

/** The headscale release whose API this is; clients choose their calls by it. */
const compatibleVersion = "v0.30.0";

/** Pages bring their style inline and load nothing. */
const contentPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="#3b6ea8"><circle cx="3" cy="4" r="2"/>' +
  '<circle cx="8" cy="3" r="2"/><circle cx="13" cy="4" r="2"/><path d="M2 5h2l3 6h2l3-6h2l-4 9H6z"/></g></svg>';

async function loginView(service: TailnetService, text: string): Promise<LoginView> {
  if (!/^[A-Za-z0-9-]{8,128}$/.test(text)) return { kind: "unknown" };
  // an id that no login has simply finds nothing
  const id = text as LoginId;
  const outcome = service.directory.logins.get(id)?.outcome;
  if (outcome !== undefined) {
    const node = outcome.kind === "completed" ? service.directory.nodes.get(outcome.node) : undefined;
    return { kind: "over", outcome, nodeName: node?.name };
  }
  const login = await service.logins.get(id);
  return login === undefined ? { kind: "unknown" } : { kind: "waiting", login };
}

export function createPages(options: PagesOptions): Hono {
  const app = new Hono();
  const origin = options.serverUrl.replace(/\/+$/, "");
  const show = (c: Context, text: string, status: 200 | 404 = 200): Response =>
    c.html(text, status, { "content-security-policy": contentPolicy, "cache-control": "no-store" });

  app.get("/", (c) => show(c, page("Hydrascale", html`<p>A coordination server for Tailscale clients.</p>`)));
  app.get("/register/:authId", async (c) => {
    const view = await loginView(options.service, c.req.param("authId"));
    if (view.kind === "waiting") c.header("refresh", "5");
    const { status, text } = registerPage(view, origin);
    return show(c, text, status);
  });
  app.get("/apple", (c) => show(c, applePage(origin)));
  app.get("/windows", (c) => show(c, windowsPage(origin)));
  app.get("/robots.txt", (c) => c.text("User-agent: *\nDisallow: /\n"));
  app.get("/favicon.ico", (c) =>
    c.body(icon, 200, { "content-type": "image/svg+xml", "cache-control": "public, max-age=86400" }),
  );
  serveProbes(app, options);
  return app;
}

function serveProbes(app: Hono, options: PagesOptions): void {
  app.get("/health", (c) => {
    const pass = options.notReady().length === 0;
    return c.body(JSON.stringify({ status: pass ? "pass" : "fail" }), pass ? 200 : 503, {
      "content-type": "application/health+json",
      "cache-control": "no-store",
    });
  });
  app.get("/livez", (c) => c.json({ live: true }));
  app.get("/readyz", (c) => {
    const reasons = options.notReady();
    return c.json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503);
  });
  app.get("/version", (c) =>
    c.json({
      version: compatibleVersion,
      commit: options.product.commit,
      buildTime: options.product.buildTime,
      go: { version: "", os: process.platform, arch: process.arch },
      dirty: false,
      product: "hydrascale",
      productVersion: options.product.version,
      runtime: `node ${process.version}`,
    }),
  );
}
