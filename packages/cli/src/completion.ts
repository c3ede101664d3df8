// Shell completion. The scripts hold no list of their own: they ask `hydrascale __complete WORDS…`, so that they are
// never older than the commands.

import { problem } from "@hydrascale/core/lib/errors";
import { command, findCommand, type Command, type Leaf } from "./command.ts";
import type { FlagSpecs } from "./flags.ts";
import { globalFlags } from "./global.ts";
import { oneName } from "./commands/ask.ts";

const bash = `_hydrascale() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(hydrascale __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _hydrascale hydrascale
`;

const zsh = `#compdef hydrascale
_hydrascale() {
  local -a found
  found=("\${(@f)$(hydrascale __complete "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -a found || _files
}
compdef _hydrascale hydrascale
`;

const fish = `function __hydrascale_complete
  set -l words (commandline -opc) (commandline -ct)
  hydrascale __complete $words[2..-1] 2>/dev/null
end
complete -c hydrascale -a '(__hydrascale_complete)'
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish };

export const completion = command({
  name: "completion",
  about: "print a completion script for bash, zsh or fish",
  words: ["SHELL"],
  run: ({ words, ctx }) => {
    const shell = oneName("shell", undefined, words, "name bash, zsh or fish");
    if (!shell.ok) return Promise.resolve(ctx.fail(shell.error));
    const script = scripts[shell.value];
    if (script === undefined)
      return Promise.resolve(
        ctx.fail(problem("invalid", `${shell.value}: no such shell here`, "bash, zsh and fish are")),
      );
    ctx.io.out(script);
    return Promise.resolve(0);
  },
});

function flagChoices(leaf: Leaf | undefined, before: string | undefined): readonly string[] | undefined {
  const all: FlagSpecs = { ...globalFlags, ...leaf?.flags };
  const specs = Object.entries(all);
  const found = specs.find(
    ([name, spec]) => before === `--${name}` || (spec.short !== undefined && before === `-${spec.short}`),
  );
  if (found === undefined || found[1].kind === "switch") return undefined;
  return found[1].choices ?? [];
}

/** What may stand as the last of `words`, which has been typed in part. */
export function complete(commands: readonly Command[], words: readonly string[]): readonly string[] {
  const last = words.at(-1) ?? "";
  let level = commands;
  let leaf: Leaf | undefined;
  for (const word of words.slice(0, -1)) {
    const found = leaf === undefined ? findCommand(level, word) : undefined;
    if (found?.kind === "group") level = found.commands;
    else if (found?.kind === "leaf") leaf = found;
    else if (found?.kind === "raw") return [];
  }
  const choices = flagChoices(leaf, words.at(-2));
  if (choices !== undefined) return choices.filter((choice) => choice.startsWith(last));
  const flags = Object.keys({ ...globalFlags, ...leaf?.flags }).map((name) => `--${name}`);
  const names = leaf === undefined ? level.map((c) => c.name) : [];
  return (last.startsWith("-") ? flags : names).filter((name) => name.startsWith(last));
}
