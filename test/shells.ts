// Interactive shells on a terminal, for the tests of completions: a line is typed, a key pressed,
// and the shell itself says what the line has become.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import type { IPty } from "node-pty";
import { bin, inTime, run, serviceDir, tempDir, waitForFile } from "./harness.ts";

/** What each shell reads when it starts. `^Xa` inserts all matches, but not in fish; `^Xd` writes
 * the line into the next file of $DUMP and empties it. */
const settings = {
  bash: `PS1='READY> ' HISTFILE= dumped=0
[ -z "$BASH_COMPLETION" ] || . "$BASH_COMPLETION"
[ -n "$BASH_COMPLETION" ] || . "$SHARE/bash-completion/completions/trinit"
bind 'set completion-query-items 0'
bind 'set enable-bracketed-paste off'
dump() {
  printf %s "$READLINE_LINE" >"$DUMP/new"
  mv "$DUMP/new" "$DUMP/$((++dumped))"
  READLINE_LINE= READLINE_POINT=0
}
bind -x '"\\C-xd": dump'
bind '"\\C-xa": insert-completions'
`,
  zsh: `PS1='READY> ' HISTFILE=
fpath=("$SHARE/zsh/site-functions" $fpath)
autoload -U compinit && compinit -u -D
bindkey -e
unset zle_bracketed_paste
dump() {
  print -rn -- "$BUFFER" >"$DUMP/new"
  mv "$DUMP/new" "$DUMP/$((++dumped))"
  BUFFER=
}
zle -N dump && bindkey '^Xd' dump
zle -C all-matches complete-word _generic && bindkey '^Xa' all-matches
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
`,
  fish: `function fish_prompt
  printf 'READY> '
end
set -g fish_greeting
set -g dumped 0
function dump
  set dumped (math $dumped + 1)
  printf %s (commandline) >$DUMP/new
  mv $DUMP/new $DUMP/$dumped
  commandline ''
end
bind \\cxd dump
`,
} as const;

/** How each is told to read that file. */
const calls: Readonly<Record<keyof typeof settings, (file: string) => string[]>> = {
  bash: (file) => ["--noprofile", "--rcfile", file, "-i"],
  zsh: () => ["-d", "-i"], // it is .zshrc in $ZDOTDIR
  fish: (file) => ["-i", "-C", `source ${file}`],
};

export interface Shell {
  /** The line after the completion key. */
  tab(line: string): Promise<string>;
  /** The line with everything inserted that would be offered at its end. */
  all(line: string): Promise<string>;
}

/** null when a shell is there; else the reason to skip, which CI does not accept. */
export function missing(shell: string): string | null {
  const directories = (process.env.PATH ?? "").split(":");
  if (directories.some((directory) => fs.existsSync(path.join(directory, shell)))) return null;
  if (process.env.CI !== undefined) throw new Error(`${shell} is missing, and CI needs it`);
  return `type: apt-get install ${shell}`;
}

/** The environment of a shell on a machine that trinit is installed on, with odd services. */
export async function installedEnv(t: TestContext): Promise<Record<string, string>> {
  const directory = tempDir(t);
  const place = { bin: path.join(directory, "bin"), share: path.join(directory, "share") };
  for (const part of Object.values(place)) fs.mkdirSync(part);
  await run(t, bin("trinit"), ["install", "--share", place.share, place.bin]);
  return {
    PATH: `${place.bin}:${process.env.PATH}`, // fish completes only what it finds there
    HOME: directory,
    SHARE: place.share,
    XDG_DATA_DIRS: place.share, // where fish and bash-completion look
    SVDIR: oddServices(t),
    LC_ALL: "C.UTF-8",
    TERM: "xterm",
  };
}

/** A directory of services with such names that every shell has to quote some. */
function oddServices(t: TestContext): string {
  const scan = tempDir(t);
  const run = { "run!": "#!/bin/sh\n" };
  const plain = ["web", "db", ".hidden"];
  for (const name of [...plain, "my service", "it's", "a:b", "k=v", "getty@tty1", '$x"y']) {
    serviceDir(scan, name, run);
  }
  fs.symlinkSync("web", path.join(scan, "www"));
  fs.writeFileSync(path.join(scan, "weird-file"), "");
  return scan;
}

/** Starts a shell with these variables, which is killed after the test. */
export async function openShell(
  t: TestContext,
  shell: keyof typeof settings,
  env: Record<string, string>,
): Promise<Shell> {
  const { spawn } = await import("node-pty");
  const home = tempDir(t);
  const dumps = path.join(home, "dumps");
  fs.mkdirSync(dumps);
  const file = path.join(home, ".zshrc");
  fs.writeFileSync(file, settings[shell]);
  const terminal = spawn(shell, calls[shell](file), {
    cwd: home,
    cols: 200,
    env: { ...env, ZDOTDIR: home, DUMP: dumps },
  });
  t.after(() => terminal.kill("SIGKILL"));
  const screen = await prompted(terminal);
  let typed = 0;
  const type = async (line: string, key: string): Promise<string> => {
    terminal.write(`${line}${key}\x18d`);
    const file = path.join(dumps, `${++typed}`);
    return inTime(waitForFile(file), `${shell} with ${line}`, screen);
  };
  return { tab: (line) => type(line, "\t"), all: (line) => type(line, "\x18a") };
}

/** Waits for the prompt; what the terminal has shown. */
async function prompted(terminal: IPty): Promise<() => string> {
  let shown = "";
  const ready = new Promise<void>((resolve) => {
    terminal.onData((text) => {
      shown += text;
      if (shown.includes("READY> ")) resolve();
    });
  });
  await inTime(ready, "a prompt", () => shown);
  return () => shown;
}
