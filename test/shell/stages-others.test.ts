// Other systems' stages under our init: Debian's own files, unchanged, and ones that use all that
// Void's use. A machine, as far as a namespace can be one.
// Where Debian's are: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts them.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { root } from "../harness.ts";
import { type FaultyInit, startFaultyInit } from "../init.ts";
import { inNamespaces } from "../namespace.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "etc/runit");
const hasDebian = fs.existsSync(debian) || process.env.CI !== undefined;
const withDebian = hasDebian ? inNamespaces : { skip: "type: sh scripts/oracle.sh" };

/** Tells when it runs, and when it ends. */
const web = `#!/bin/sh
trap 'echo web ends >/dev/console; exit' TERM
echo web runs >/dev/console
while :; do sleep 0.02; done
`;

/** Asks for the end, and what the console shows from then on, but for init's own words. */
async function endOf(inside: FaultyInit, ...command: readonly string[]): Promise<string[]> {
  await inside.console.waitFor(/^web runs$/);
  const before = inside.console.lines().length;
  await inside.run(...command);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  const lines = inside.console.lines().slice(before);
  const after = lines.map((line) => line.replace(/ \d+s, normally up$/, " Ns, normally up"));
  return after.filter((line) => !line.startsWith("- runit: ") || /reboot|power/.test(line));
}

// --- Debian: /etc/service is a link that runsvchdir moves, the marks are /run/runit.stopit

function debianFiles(): Record<string, string> {
  const stages = ["1", "2", "3", "ctrlaltdel"].map((name) => {
    return [`${name}!`, fs.readFileSync(path.join(debian, name), "latin1")] as const;
  });
  return {
    ...Object.fromEntries(stages),
    "native.boot.run": "", // shell files in the place of init scripts: Debian's own choice
    "no.emulate.sysv": "",
    "boot-run/10-said.sh": "echo boot-run >/dev/console\n",
    "shutdown-run/10-said.sh": 'echo "shutdown-run $LAST" >/dev/console\n',
    "runsvdir/default/web/run!": web,
    "runsvdir/current=": "default",
  };
}

const debianLayout = `mount --bind /usr/local/sbin /usr/sbin # where Debian has them
  rmdir /etc/service; ln -s runit/runsvdir/current /etc/service`;

for (const [command, level, word] of [
  [["poweroff"], 0, "power off..."],
  [["init", "6"], 6, "system reboot."],
] as const) {
  test(`Debian's stages, and ${command.join(" ")}`, withDebian, async (t) => {
    const inside = await startFaultyInit(t, ["machine"], {
      runit: debianFiles(),
      prepare: debianLayout,
    });
    assert.match(inside.console.text(), /^boot-run$/m);
    const said = await endOf(inside, ...command);
    assert.deepEqual(said, [
      "Waiting for services to stop...",
      "web ends",
      "ok: down: /etc/service/web: Ns, normally up",
      "Running shutdown tasks...",
      `shutdown-run ${level}`,
      `- runit: ${word}`,
    ]);
  });
}

// --- Void: the marks are links to /run/runit, services are in /run/runit/runsvdir/current

const voidFiles = {
  "stopit=": "/run/runit/stopit",
  "reboot=": "/run/runit/reboot",
  functions: "detect() { [ -e /run/.containerenv ] && IN_CONTAINER=1 || :; }\n",
  "core-services/10-marks.sh": `mkdir -p /run/runit
install -m 000 /dev/null /run/runit/stopit
install -m 000 /dev/null /run/runit/reboot
`,
  "core-services/20-records.sh": "halt -B\n",
  "shutdown.d/10-services.sh": `sv force-stop /run/runit/runsvdir/current/*
sv exit /run/runit/runsvdir/current/*
`,
  "shutdown.d/20-record.sh": "halt -w\n",
  "shutdown.d/30-others.sh": `pkill --inverse -s 0,1 -TERM
[ -z "$(find /run/runit/reboot -perm -u+x)" ] || echo reboots >/dev/console
`,
  "1!": `#!/bin/sh
. /etc/runit/functions
detect
for f in /etc/runit/core-services/*.sh; do [ -r $f ] && . $f; done
`,
  "2!": `#!/bin/sh
runsvchdir default >/dev/console
mkdir -p /run/runit/runsvdir
ln -s /etc/runit/runsvdir/current /run/runit/runsvdir/current
exec env - PATH=$PATH runsvdir -P /run/runit/runsvdir/current 'log: ${".".repeat(395)}'
`,
  "3!": `#!/bin/sh
. /etc/runit/functions
detect
for f in /etc/runit/shutdown.d/*.sh; do [ -r $f ] && . $f; done
`,
  "ctrlaltdel!": `#!/bin/sh
chmod 100 /run/runit/stopit
chmod 100 /run/runit/reboot
`,
  "runsvdir/default/web/run!": web,
  "runsvdir/single/none/down": "",
  "runsvdir/current=": "single",
};
const voidOptions = { runit: voidFiles, prepare: "mount -t tmpfs none /var/log" };

test("stages as Void's, and poweroff", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, ["machine"], voidOptions);
  const said = await endOf(inside, "poweroff");
  assert.match(inside.console.text(), /^runsvchdir: default: now current\.$/m);
  assert.deepEqual(said, [
    "web ends",
    "ok: down: /run/runit/runsvdir/current/web: Ns, normally up",
    "- runit: power off...",
  ]);
});

test("stages as Void's, and Ctrl-Alt-Del, which reboots", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, ["machine"], voidOptions);
  await inside.console.waitFor(/^web runs$/);
  inside.signal("SIGINT");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.match(inside.console.text(), /^reboots$/m);
  assert.match(inside.console.text(), /^- runit: system reboot\.$/m);
});
