// trinit killall in init's stage 3: who gets TERM, who KILL, who is spared, and how long it takes.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { faultsBin, tempDir } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

interface Ended {
  /** What the stage and all others have written into /run/said. */
  readonly said: string;
  readonly stderr: string;
}

interface Options {
  /** More in /etc/runit. */
  readonly files?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly trinit?: string;
}

/** A life of init in which stage 1 starts `others`, each a script in a session of its own that
 * says `up N` once it is ready, and stage 3 is this script. */
async function stage3(
  t: TestContext,
  script: string,
  others: readonly string[],
  { files, ...options }: Options = {},
): Promise<Ended> {
  const shell = (text: string): string => `#!/bin/sh\n${text}\n`;
  const scripts = others.map((text, at) => [`other${at}!`, shell(text)]);
  const wait = `until [ "$(grep -c up /run/said)" -ge ${others.length} ]; do sleep 0.01; done`;
  const starts = others.map((_, at) => `setsid /etc/runit/other${at} </dev/null &`);
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: {
      ...Object.fromEntries(scripts),
      ...files,
      "1!": shell([": >/run/said", ...starts, wait].join("\n")),
      "2!": shell("exit 0"),
      "3!": shell(`exec >>/run/said\n${script}`),
    },
    ...options,
  });
  await inside.waitForExit();
  const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1");
  return { said, stderr: inside.stderr.text() };
}

const say = (text: string): string => `echo ${text} >>/run/said`;
const polite = `trap '${say("term")}; exit' TERM; ${say("up")}; while :; do sleep 0.01; done`;
const deaf = `trap "" TERM; ${say("up")}; exec sleep 600`;
const stopped = `trap '${say("term")}; exit' TERM; ${say("up")}; kill -STOP $$; sleep 600`;

test(
  "killall ends with 0 once all have, and long before the time is up",
  inNamespaces,
  async (t) => {
    const began = performance.now();
    const { said, stderr } = await stage3(t, "trinit killall -w 100; echo code $?", [
      polite,
      polite,
    ]);
    assert.equal(said, "up\nup\nterm\nterm\ncode 0\n");
    assert.doesNotMatch(stderr, /KILL to/);
    assert.ok(performance.now() - began < 5000);
  },
);

test("killall sends KILL to whoever ignores TERM, and names it", inNamespaces, async (t) => {
  const { said, stderr } = await stage3(t, "trinit killall -w 1; echo code $?", [deaf, polite]);
  assert.equal(said, "up\nup\nterm\ncode 0\n");
  assert.match(stderr, /^trinit: warning: sending KILL to \d+ sleep$/m);
});

test("killall -w 0 is KILL at once", inNamespaces, async (t) => {
  const { said } = await stage3(t, "trinit killall -w 0; echo code $?", [polite, deaf]);
  assert.equal(said, "up\nup\ncode 0\n");
});

test("killall wakes a stopped process, which hears TERM then", inNamespaces, async (t) => {
  const { said } = await stage3(t, "trinit killall -w 100; echo code $?", [stopped]);
  assert.equal(said, "up\nterm\ncode 0\n");
});

test("killall spares its own session", inNamespaces, async (t) => {
  const helper = `(trap "" TERM; sleep 0.2; ${say("helper")}) &`;
  const { said } = await stage3(t, `${helper} trinit killall; echo code $?; wait`, [polite]);
  assert.equal(said, "up\nterm\ncode 0\nhelper\n");
});

test(
  "killall spares a daemon with an @ in front, and does not wait for it",
  inNamespaces,
  async (t) => {
    const daemon = `trap '${say("daemon")}; exit' TERM; while :; do sleep 0.01; done`;
    const other = `${say("up")}; exec chpst -b @mdmon sh -c "${daemon}"`;
    const there = 'pgrep -fx "@mdmon -c .*" >/dev/null && echo there';
    const stage = `trinit killall -w 100; echo code $?; ${there}`;
    const { said } = await stage3(t, stage, [other, polite]);
    assert.equal(said, "up\nup\nterm\ncode 0\nthere\n");
  },
);

test("killall with nobody left", inNamespaces, async (t) => {
  const { said } = await stage3(t, "trinit killall; echo code $?", []);
  assert.equal(said, "code 0\n");
});

test("killall finds who comes up while it waits", inNamespaces, async (t) => {
  const more = 'sh -c "sleep 600 &"'; // whose parent ends at once
  const leaves = `trap '${more}; exit' TERM; ${say("up")}; while :; do sleep 0.01; done`;
  const { said, stderr } = await stage3(t, "trinit killall -w 5; echo code $?", [leaves]);
  assert.equal(said, "up\ncode 0\n");
  assert.doesNotMatch(stderr, /KILL to/);
});

test("killall leaves alone what one that ends has to start for it", inNamespaces, async (t) => {
  const files = { "last!": `#!/bin/sh\ntrap exit TERM\nsleep 0.3\n${say("done")}\n` };
  const tidy = `trap '/etc/runit/last; exit' TERM; ${say("up")}; while :; do sleep 0.01; done`;
  const other = `trap 'sleep 0.1; exit' TERM; ${say("up")}; while :; do sleep 0.01; done`;
  const stage = "trinit killall -w 100; echo code $?";
  const { said } = await stage3(t, stage, [tidy, other], { files });
  assert.equal(said, "up\nup\ndone\ncode 0\n");
});

test("killall with more processes than one poll takes", inNamespaces, async (t) => {
  const many = `i=0; while [ $i -lt 150 ]; do sleep 600 & i=$((i + 1)); done; ${say("up")}; wait`;
  const began = performance.now();
  const { said } = await stage3(t, "trinit killall -w 100; echo code $?", [many]);
  assert.equal(said, "up\ncode 0\n");
  assert.ok(performance.now() - began < 5000);
});

test("killall where the kernel has no pidfd", inNamespaces, async (t) => {
  const armed = tempDir(t);
  fs.writeFileSync(path.join(armed, "pidfd_open"), "");
  const { said } = await stage3(t, "trinit killall -w 100; echo code $?", [polite, stopped], {
    env: { TRINIT_FAULTS: armed },
    trinit: faultsBin("trinit"),
  });
  assert.equal(said, "up\nup\nterm\nterm\ncode 0\n");
});

test("killall: a wrong call", inNamespaces, async (t) => {
  const { said, stderr } = await stage3(t, "trinit killall -w x; echo code $?", [polite]);
  assert.equal(said, "up\ncode 100\n");
  assert.match(stderr, /^usage: trinit /m);
});
