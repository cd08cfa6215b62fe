// How the program is found and what it gets: its arguments byte by byte, its argv[0].
import * as fs from "node:fs";
import path from "node:path";
import { sameAsOracle } from "../oracle.ts";

/** Directories for PATH: where `prog` is a program, none, not executable, garbage, a directory. */
function prepare(directory: string): void {
  const make = (name: string, text: string, mode: number): void => {
    fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    fs.writeFileSync(path.join(directory, name), text, { mode });
  };
  make("one/prog", "#!/bin/sh\necho one $#\n", 0o755);
  make("two/prog", "#!/bin/sh\necho two $#\n", 0o755);
  make("none/other", "", 0o755);
  make("plain/prog", "#!/bin/sh\necho plain\n", 0o644);
  make("garbage/prog", "garbage\n", 0o755);
  make("interpreter/prog", "#!/no/such/interpreter\n", 0o755);
  make("directory/prog/file", "", 0o644);
  fs.symlinkSync("loop", path.join(directory, "loop"));
}

const found = (value: string): string => `env -i PATH=${value} "$(command -v chpst)" prog`;

sameAsOracle(
  "how the program is found",
  [
    ...[
      "one:two",
      "none:two",
      "no-such-directory:two",
      "plain:two",
      "plain",
      "plain:none",
      "none:plain",
      "directory:two",
      "directory",
      "directory:none",
      "interpreter:two",
      "garbage",
      "garbage:two",
      "one/prog",
      "loop",
      "loop:two",
      "none",
      ":one",
      "none::one",
      "none:",
      "$(printf %04096d 0):one",
    ].map(found),
    ...["", ":", "/no:", ":/no", "/no::/no"].map((value) => `cd one && ${found(value)}`),
    // no PATH at all
    'env -i "$(command -v chpst)" sh -c "echo found"',
    'cd one && env -i "$(command -v chpst)" prog',
    // a slash in the name
    "chpst one/prog",
    "PATH=$PATH:one chpst ./prog",
    "chpst plain/prog",
    "chpst garbage/prog",
    "chpst directory/prog",
    "chpst one/prog/file",
    "chpst loop",
    "chpst ./loop",
    "chpst ''",
    "setuidgid daemon garbage/prog",
    "setlock lock no-such-program",
    "envdir one/ no-such-program",
    "pgrphack no-such-program",
    "softlimit no-such-program",
    // PATH is the one from before
    'mkdir env; printf %s "$PWD/one" >env/PATH; chpst -e env prog',
    "mkdir env; printf /no >env/PATH; PATH=$PATH:$PWD/one chpst -e env /bin/sh -c 'echo $PATH'",
    // arguments
    "chpst -b zero sh -c 'tr \"\\0\" , </proc/$$/cmdline'",
    "chpst -bzero -b one sh -c 'tr \"\\0\" , </proc/$$/cmdline'",
    "chpst -b '' sh -c 'tr \"\\0\" , </proc/$$/cmdline'",
    "chpst cat /proc/self/cmdline - -- -x '' 'a b' </dev/null",
    "chpst printf '[%s]' -v '' 'a  b' \"$(printf 'caf\\351 \\377\\n\\001')\"",
    "V=\"$(printf 'caf\\351 \\377')\" chpst sh -c 'printf %s \"$V\" | od -c'",
    'chpst printf \'%.10s\' "$(printf %0100000d 7)" "$(printf %0100000d 8)"',
    // how it ended
    "chpst sh -c 'exit 7'",
    "chpst sh -c 'kill -9 $$'",
  ],
  { prepare },
);
