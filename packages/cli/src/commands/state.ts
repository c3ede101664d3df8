// `hydrascale status`, `doctor`, `health`: what runs, what is wrong, whether it answers.

import { problem } from "@hydrascale/core/lib/errors";
import type { Client, Json } from "../client.ts";
import { command, exitOf, type Context } from "../command.ts";
import { report } from "../global.ts";
import { printable } from "../render/table.ts";
import { renderTree, type Branch } from "../render/tree.ts";
import { isTrue, number, object, rows, text, texts } from "./answers.ts";
import { noWords, show } from "./ask.ts";
import { nodeId } from "./lookup.ts";

function statusTree(status: Json): readonly Branch[] {
  const log = object(status, "log") ?? {};
  const nats = object(status, "nats") ?? {};
  const behind = Math.max(0, number(log, "head") - number(log, "folded"));
  const gateways = rows(status, "gateways").map((gateway) => ({
    label: [
      text(gateway, "boot"),
      text(gateway, "version"),
      text(gateway, "state"),
      texts(gateway, "addresses").join(", "),
      isTrue(gateway, "self") ? "(answers)" : "",
    ]
      .filter((part) => part !== "")
      .join("  "),
  }));
  const projectors = rows(status, "projectors").map((projector) => ({
    label: `${text(projector, "id")}  ${text(projector, "version")}  ${text(projector, "state")}  lag ${number(projector, "lag")}`,
  }));
  return [
    {
      label: `tailnet ${text(status, "tailnet")}, version ${text(status, "version")}`,
      children: [
        { label: `nodes: ${number(status, "nodes")}, connected ${number(status, "connectedNodes")}` },
        { label: `log: at ${number(log, "folded")}${behind > 0 ? `, ${behind} behind` : ""}` },
        {
          label: isTrue(nats, "connected")
            ? `nats: connected to ${text(nats, "server")} ${text(nats, "version")}`
            : "nats: not connected",
        },
        { label: `gateways: ${gateways.length}`, children: gateways },
        { label: `projectors: ${projectors.length}`, children: projectors },
      ],
    },
  ];
}

export const status = command({
  name: "status",
  about: "show what runs: gateways, projectors, store, nodes",
  run: ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/status"),
      (answer) => answer,
      (answer) => renderTree(statusTree(answer)),
    );
  },
});

const marks: Readonly<Record<string, string>> = { ok: "ok     ", warning: "warning", error: "ERROR  " };

function findingLine(finding: Json): string {
  const hint = text(finding, "hint");
  const head = `${marks[text(finding, "level")] ?? text(finding, "level")}  ${text(finding, "subject")}: ${text(finding, "message")}`;
  return `${printable(head)}\n${hint === "" ? "" : `         ${printable(hint)}\n`}`;
}

/** A sign of life of one node, as one more finding. */
async function pingFinding(client: Client, name: string): Promise<Json> {
  const subject = `node ${name}`;
  const id = await nodeId(client, name);
  const answer = id.ok ? await client.post(`/api/v1/node/${id.value}/ping`, {}, {}, 30_000) : id;
  if (answer.ok)
    return {
      level: "ok",
      subject,
      message: `answered after ${Math.round(number(answer.value, "milliseconds"))} ms`,
    };
  return { level: "error", subject, message: answer.error.message, hint: answer.error.hint ?? "" };
}

async function examine(ctx: Context, node: string | undefined): Promise<number> {
  const client = await ctx.client();
  if (!client.ok) return ctx.fail(client.error);
  const answer = await client.value.get("/api/v1/doctor");
  if (!answer.ok) return ctx.fail(answer.error);
  const findings = [...rows(answer.value, "findings")];
  if (node !== undefined) findings.push(await pingFinding(client.value, node));
  ctx.print({ findings }, () => findings.map(findingLine).join("") || "nothing is wrong\n");
  const errors = findings.filter((finding) => text(finding, "level") === "error").length;
  return errors === 0 ? 0 : exitOf(problem("setup", "the installation has errors"));
}

export const doctor = command({
  name: "doctor",
  about: "find what is wrong with this installation and say what to do",
  flags: {
    node: { kind: "text", short: "n", value: "NODE", about: "also ask this node for a sign of life" },
  },
  run: ({ flags, words, ctx }) => {
    const extra = noWords(words);
    return extra === undefined ? examine(ctx, flags.node) : Promise.resolve(ctx.fail(extra));
  },
});

export const health = command({
  name: "health",
  about: "ask the server whether its log can be reached",
  run: async ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return ctx.fail(extra);
    const client = await ctx.client();
    if (!client.ok) return ctx.fail(client.error);
    const answer = await client.value.get("/api/v1/health");
    if (!answer.ok) return ctx.fail(answer.error);
    const reachable = isTrue(answer.value, "databaseConnectivity");
    ctx.print(answer.value, () => (reachable ? "the server and its log can be reached\n" : ""));
    if (reachable) return 0;
    const wrong = problem(
      "unavailable",
      "the server answers, but its log cannot be reached",
      "see `hydrascale doctor`",
    );
    report(ctx.io, wrong);
    return exitOf(wrong);
  },
});
