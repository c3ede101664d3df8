// `hydrascale policy`: who may reach what.

import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { problem, type Problem } from "@hydrascale/core/lib/errors";
import { err, ok, type Result } from "@hydrascale/core/lib/result";
import { command, group } from "../command.ts";
import type { Io } from "../io.ts";
import { text } from "./answers.ts";
import { noWords, oneName, show } from "./ask.ts";

const fileFlag = {
  file: { kind: "text", short: "f", value: "FILE", about: "HuJSON file; - for standard input" },
} as const;

async function readPolicy(io: Io, file: string): Promise<Result<string, Problem>> {
  if (file === "-") return ok(await io.input());
  try {
    return ok(await readFile(isAbsolute(file) ? file : join(io.cwd, file), "utf8"));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return err(problem("invalid", `${file}: cannot be read (${reason})`, "name an existing file with -f"));
  }
}

const get = command({
  name: "get",
  aliases: ["show", "view", "fetch"],
  about: "print the policy",
  run: ({ words, ctx }) => {
    const extra = noWords(words);
    if (extra !== undefined) return Promise.resolve(ctx.fail(extra));
    return show(
      ctx,
      (client) => client.get("/api/v1/policy"),
      (answer) => answer,
      (answer) => {
        const policy = text(answer, "policy");
        return policy === "" || policy.endsWith("\n") ? policy : `${policy}\n`;
      },
    );
  },
});

const send = (name: "set" | "check", aliases: readonly string[], about: string, said: string) =>
  command({
    name,
    aliases,
    about,
    words: ["[FILE]"],
    flags: fileFlag,
    run: async ({ flags, words, ctx }) => {
      const file = oneName("policy", flags.file, words, "name the file with -f FILE");
      if (!file.ok) return ctx.fail(file.error);
      const policy = await readPolicy(ctx.io, file.value);
      if (!policy.ok) return ctx.fail(policy.error);
      return show(
        ctx,
        (client) =>
          name === "set"
            ? client.put("/api/v1/policy", { policy: policy.value })
            : client.post("/api/v1/policy/check", { policy: policy.value }),
        (answer) => answer,
        () => `${said}\n`,
      );
    },
  });

export const policy = group("policy", [], "who may reach what", [
  get,
  send("set", ["put", "update"], "check and store a policy", "policy updated"),
  send("check", [], "check a policy without storing it", "policy is valid"),
]);
