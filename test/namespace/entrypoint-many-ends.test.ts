// How a container with services ends: who is told, who is waited for, and its exit code.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inNamespaces, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";
import { polite, say, service, startContainer } from "../with-services.ts";

const ended = (code: number) => ({ code, signal: null });
const main = (script: string) => ["sh", "-c", script];

test("the container ends with CMD's exit code, its services down", inNamespaces, async (t) => {
  const services = { web: service("web") };
  const inside = await startContainer(t, [], main("sleep 0.1; exit 7"), { services });
  assert.deepEqual(await inside.waitForExit(), ended(7));
  assert.equal(inside.said(), "web up\nweb down\n");
});

test("CMD that a signal has killed is 128 and the signal", inNamespaces, async (t) => {
  const inside = await startContainer(t, [], main("kill -USR1 $$"), {
    services: { web: service("web") },
  });
  assert.deepEqual(await inside.waitForExit(), ended(138));
});

test("--success makes an exit code 0", inNamespaces, async (t) => {
  const services = { web: service("web") };
  const inside = await startContainer(
    t,
    ["--success", "143"],
    main(`${say("up")}; exec sleep 600`),
    {
      services,
    },
  );
  await inside.waitFor(/^up$/m);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
});

for (const [command, code, why] of [
  ["nothing-of-that-name", 127, "file does not exist"],
  ["/etc/passwd", 126, "access denied"],
] as const) {
  test(`CMD that cannot be run is ${code}: ${why}`, inNamespaces, async (t) => {
    const services = { web: service("web") };
    const inside = await startContainer(t, [], [command], { services });
    assert.deepEqual(await inside.waitForExit(), ended(code));
    assert.match(inside.stderr.text(), new RegExp(`trinit: fatal: unable to run .*: ${why}$`, "m"));
  });
}

test("without CMD, TERM ends with 0", inNamespaces, async (t) => {
  const inside = await startContainer(t, [], [], { services: { web: service("web") } });
  await inside.waitFor(/web up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(inside.said(), "web up\nweb down\n");
});

test("a container that is told to end ends with CMD's own code", inNamespaces, async (t) => {
  const inside = await startContainer(
    t,
    [],
    main(polite("main", "sleep 0.1").replace("exit", "exit 3")),
    {
      services: { web: service("web") },
    },
  );
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(3));
});

test(
  "services and CMD are told at once, and the slowest is waited for",
  inNamespaces,
  async (t) => {
    const wait = (name: string) =>
      `${say(`${name} told`)}; until [ -e /run/go ]; do sleep 0.02; done`;
    const services = { a: service("a", wait("a")), b: service("b", wait("b")) };
    const inside = await startContainer(t, [], main(polite("main", wait("main"))), { services });
    await inside.waitFor(/main up/);
    inside.signal("SIGTERM");
    await inside.waitFor(/a told/);
    await inside.waitFor(/b told/);
    await inside.waitFor(/main told/);
    assert.doesNotMatch(inside.said(), /down/);
    await inside.run("touch", "/run/go");
    assert.deepEqual(await inside.waitForExit(), ended(0));
    assert.equal(inside.said().match(/down/g)?.length, 3);
  },
);

test("what CMD has started is told when CMD has ended, and not before", inNamespaces, async (t) => {
  const file = `#!/bin/sh\n${polite("child")}\n`;
  const wait = "until grep -q web.down /run/said; do sleep 0.02; done; sleep 0.2";
  const inside = await startContainer(
    t,
    [],
    main(`setsid /etc/runit/child & ${polite("main", wait)}`),
    { services: { web: service("web") }, runit: { "child!": file } },
  );
  await inside.waitFor(/child up/);
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /web down\nmain down\nchild down\n$/);
});

test("CMD that does not end is killed after --kill-after", inNamespaces, async (t) => {
  const deaf = `trap '' TERM; ${say("up")}; while :; do sleep 0.02; done`;
  const services = { web: service("web") };
  const inside = await startContainer(t, ["--kill-after", "0.3"], main(deaf), { services });
  await inside.waitFor(/^up$/m);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(137));
  assert.match(inside.stderr.text(), /the main process does not end, sending sigkill/);
});

test("differs, container-again: TERM and INT again change nothing", inNamespaces, async (t) => {
  const saves = "until [ -e /run/go ]; do sleep 0.02; done";
  const command = main(polite("main", `${say("told")}; ${saves}`));
  const inside = await startContainer(t, [], command, { services: { web: service("web", saves) } });
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  await inside.waitFor(/told/);
  for (const signal of ["SIGTERM", "SIGINT", "SIGTERM", "SIGINT"] as const) {
    inside.signal(signal);
    await sleep(100); // nothing happens
  }
  await inside.run("touch", "/run/go");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /told\n(.*\n)*main down/);
  assert.match(inside.said(), /web down/);
  assert.doesNotMatch(inside.stderr.text(), /kill/);
});

test("--drain: nothing ends for so long, whatever else is sent", inNamespaces, async (t) => {
  const services = { web: service("web") };
  const inside = await startContainer(t, ["-v", "--drain", "1"], main(polite("main")), {
    services,
  });
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/told to end, which begins in 1 seconds/);
  const began = performance.now();
  inside.signal("SIGTERM");
  inside.signal("SIGINT");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.ok(performance.now() - began >= 900, "it took its time");
  assert.match(inside.said(), /web down/);
  assert.match(inside.said(), /main down/);
});

test("--drain: it begins by itself when the time is over", inNamespaces, async (t) => {
  const services = { web: service("web") };
  const inside = await startContainer(t, ["--drain", "0.3"], [], { services });
  await inside.waitFor(/web up/);
  const began = performance.now();
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.ok(performance.now() - began >= 300);
});

for (const [sent, heard] of [
  ["INT", "INT"],
  ["QUIT", "QUIT"],
  ["PWR", "TERM"],
]) {
  test(`${sent} ends the container, and CMD gets ${heard}`, inNamespaces, async (t) => {
    const command = main(polite("main", "", heard));
    const services = { web: service("web") };
    const inside = await startContainer(t, [], command, { services });
    await inside.waitFor(/main up/);
    await inside.run("kill", `-${sent}`, "1");
    assert.deepEqual(await inside.waitForExit(), ended(0));
    assert.match(inside.said(), /main down/);
  });
}

test("--rewrite: CMD gets another signal", inNamespaces, async (t) => {
  const command = main(polite("main", "", "QUIT"));
  const services = { web: service("web") };
  const inside = await startContainer(t, ["--rewrite", "TERM:QUIT"], command, { services });
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
});

test("signals that mean nothing to us are CMD's", inNamespaces, async (t) => {
  const traps = ["HUP", "USR1", "USR2", "WINCH"].map((name) => `trap '${say(name)}' ${name}`);
  const command = main(`${traps.join("; ")}; ${polite("main")}`);
  const inside = await startContainer(t, [], command, { services: { web: service("web") } });
  await inside.waitFor(/main up/);
  for (const name of ["HUP", "USR1", "USR2", "WINCH"]) {
    await inside.run("kill", `-${name}`, "1");
    await inside.waitFor(new RegExp(`^${name}$`, "m"));
  }
});

test("an exit code that a finish script has left is the container's", inNamespaces, async (t) => {
  const finish = "#!/bin/sh\necho $1 >$TRINIT_EXITCODE\nexec trinit init 0\n";
  const services = { web: { "run!": "#!/bin/sh\nsleep 0.1; exit 9\n", "finish!": finish } };
  const inside = await startContainer(t, [], [], { services });
  assert.deepEqual(await inside.waitForExit(), ended(9));
});

test(
  "such a code comes before that of CMD, which is told to end by it",
  inNamespaces,
  async (t) => {
    const finish = "#!/bin/sh\necho 9 >/run/runit/exitcode\nexec trinit init 0\n";
    const services = { web: { "run!": "#!/bin/sh\nsleep 0.1\n", "finish!": finish } };
    const inside = await startContainer(t, [], main(polite("main")), { services });
    assert.deepEqual(await inside.waitForExit(), ended(9));
  },
);

test(
  "differs, container-code: a stage 2 of one's own that ends has the exit code",
  inNamespaces,
  async (t) => {
    const runit = { "2!": "#!/bin/sh\nexit 5\n" };
    const inside = await startContainer(t, ["--stages", "/etc/runit"], [], { runit });
    assert.deepEqual(await inside.waitForExit(), ended(5));
  },
);

test("the code of an earlier life of the container is forgotten", inNamespaces, async (t) => {
  const inside = await startNamespace(t, {
    pid1: ["trinit", "entrypoint"],
    runit: {},
    services: { web: service("web") },
    prepare: "mkdir /run/runit; echo 9 >/run/runit/exitcode",
  });
  await isUp(inside.service("web"));
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
});

test("the last lines of a service are in its log", inNamespaces, async (t) => {
  const lines = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done";
  const slow = "#!/bin/sh\ntrap '' TERM\nsleep 0.3\nexec cat >>/run/log\n";
  const inside = await startContainer(t, [], [], {
    services: { web: service("web", lines, { "log/run!": slow }) },
  });
  await inside.waitFor(/web up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  const log = fs.readFileSync(`${inside.etc}/../run/log`, "latin1");
  assert.equal(log.split("\n").at(-2), "line 1999");
});

test("a child that holds the log is told, and its last line written", inNamespaces, async (t) => {
  const stays = `trap "echo last; exit" TERM; ${say("child up")}; while :; do sleep 0.02; done`;
  const child = `setsid sh -c '${stays}' &`;
  const run = `#!/bin/sh\n${child}\n${polite("web")}\n`;
  const logger = "#!/bin/sh\nexec cat >>/run/log\n";
  const began = performance.now();
  const inside = await startContainer(t, [], [], {
    services: { web: { "run!": run, "log/run!": logger } },
  });
  await inside.waitFor(/child up/);
  await inside.waitFor(/web up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(fs.readFileSync(`${inside.etc}/../run/log`, "latin1"), "last\n");
  assert.ok(performance.now() - began < 6000, "nobody waits for the time to be over");
});

test("an essential service that ends, ends all, with its code", inNamespaces, async (t) => {
  const wait = "until [ -e /run/go ]; do sleep 0.02; done; exit 12";
  const vital = { "run!": `#!/bin/sh\n${wait}\n`, essential: "" };
  const inside = await startContainer(t, [], main(polite("main")), {
    services: { web: service("web"), vital },
  });
  await inside.waitFor(/main up/);
  await inside.run("touch", "/run/go");
  assert.deepEqual(await inside.waitForExit(), ended(12));
  assert.match(inside.said(), /main down/);
  assert.match(inside.said(), /web down/);
});

test("timeout-kill: a service gets more time than SVWAIT, or less", inNamespaces, async (t) => {
  const slow = service("slow", "sleep 1.5", { "timeout-kill": "60000" });
  const deaf = { "run!": "#!/bin/sh\ntrap '' TERM\necho up >>/run/said\nexec sleep 600\n" };
  const services = { slow, deaf: { ...deaf, "timeout-kill": "100" } };
  const inside = await startContainer(t, [], [], { services, env: { SVWAIT: "1" } });
  await inside.waitFor(/^up$/m);
  await inside.waitFor(/slow up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /slow down/);
  assert.doesNotMatch(inside.stderr.text(), /kill: run/);
});

test("what is written at the end waits for who reads it", inNamespaces, async (t) => {
  const lines =
    'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "$i of the last lines of all"; done';
  const run = `#!/bin/sh\ntrap '${lines}; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n`;
  // Longer than all that is no relay has to end.
  const slow = "trinit entrypoint --wait 5 sleep 0.3 | { sleep 3.5; cat; }";
  const inside = await startNamespace(t, {
    pid1: ["sh", "-c", slow],
    runit: {},
    services: { web: { "run!": run } },
  });
  await inside.waitForExit();
  const said = inside.stdout.text().match(/^web \| \d+ of the last lines of all$/gm);
  assert.equal(said?.length, 3000);
});
