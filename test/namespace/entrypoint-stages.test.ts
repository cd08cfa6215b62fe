// Whose stages a container runs: `trinit entrypoint` those that were named, or those that are
// built in; what is called init those in /etc/runit. On a machine with runit these boot it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { faultsBin, tempDir, waitForFile } from "../harness.ts";
import { startFaultyInit } from "../init.ts";
import { inNamespaces, type NamespaceOptions, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";
import { polite, say, service, startContainer } from "../with-services.ts";

const ended = (code: number) => ({ code, signal: null });

/** What says that it ran, as a machine's files do more; its stage 2 supervises no directory. */
function stagesOf(name: string): Record<string, string> {
  const says = (stage: string) => `#!/bin/sh\n${say(`${name} ${stage}`)}\n`;
  const files = { "1!": says("1"), "2!": `${says("2")}exec sleep 600\n`, "3!": says("3") };
  return { ...files, "ctrlaltdel!": says("ctrlaltdel") };
}

/** What process 1 of a namespace on such a machine says in /run/said, and how it ends. */
async function onMachine(
  t: TestContext,
  pid1: readonly string[],
  more: Partial<NamespaceOptions> = {},
): Promise<{ said: string; code: number | null; stderr: string }> {
  const runit = stagesOf("machine");
  const inside = await startNamespace(t, { pid1, runit, ...more });
  const { code } = await inside.waitForExit();
  const file = path.join(inside.etc, "../run/said");
  const said = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  return { said, code, stderr: inside.stderr.text() };
}

for (const words of [["trinit", "entrypoint"], ["trinit"]]) {
  const name = words.join(" ");

  test(
    `differs, container-stages: ${name} CMD runs nothing of /etc/runit`,
    inNamespaces,
    async (t) => {
      const alone = await onMachine(t, [...words, "sh", "-c", "exit 5"]);
      assert.deepEqual(alone, { said: "", code: 5, stderr: "" });
    },
  );

  test(`${name}: services are supervised, and nothing else runs`, inNamespaces, async (t) => {
    const command = `${polite("main")} & until grep -q web.up /run/said; do sleep 0.02; done
      kill -INT $PPID; wait`; // INT would run ctrlaltdel
    const pid1 = [...words, "sh", "-c", command];
    const { said } = await onMachine(t, pid1, { services: { web: service("web") } });
    assert.match(said, /^web up$/m);
    assert.match(said, /^web down$/m);
    assert.doesNotMatch(said, /machine/);
  });
}

test("a directory of services that was named is supervised", inNamespaces, async (t) => {
  const options = ["--service-dir", "/etc/own"];
  const services = { "../own/web": service("web"), other: service("other") };
  const inside = await startContainer(t, options, [], { services, runit: stagesOf("machine") });
  await inside.waitFor(/web up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(inside.said(), "web up\nweb down\n");
});

test("also beside stages that were named: their 2 is not run", inNamespaces, async (t) => {
  const options = ["--stages", "/etc/runit", "--service-dir", "/etc/own"];
  const services = { "../own/web": service("web") };
  const inside = await startContainer(t, options, [], { services, runit: stagesOf("own") });
  await inside.waitFor(/web up/);
  await inside.stderr.waitFor(
    /^trinit: warning: \/etc\/runit\/2 is not run: \/etc\/own is supervised instead$/,
  );
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /^own 1\nweb up\nown 3\n/);
});

for (const stages of ["/etc/own", "own"]) {
  test(`--stages ${stages}: these run, and ctrlaltdel there`, inNamespaces, async (t) => {
    const pid1 = ["sh", "-c", `cd /etc; exec trinit entrypoint -v --stages=${stages}`];
    const inside = await startNamespace(t, {
      pid1,
      runit: stagesOf("machine"),
      services: { "../own": stagesOf("own") },
    });
    await inside.stderr.waitFor(/enter stage: \/etc\/own\/2$/);
    inside.signal("SIGINT");
    await inside.stderr.waitFor(/leave stage: \/etc\/own\/ctrlaltdel$/);
    inside.signal("SIGTERM");
    assert.deepEqual(await inside.waitForExit(), ended(0));
    const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "utf8");
    assert.deepEqual(said, "own 1\nown 2\nown ctrlaltdel\nown 3\n");
  });
}

test("--stages of a directory without any is a wrong call", inNamespaces, async (t) => {
  for (const directory of ["/etc/service", "/nosuch"]) {
    const seen = await onMachine(t, ["trinit", "entrypoint", "--stages", directory, "true"]);
    const why = `trinit: fatal: no stage in ${directory}: it has no file 1, 2 or 3\n`;
    assert.deepEqual(seen, { said: "", code: 100, stderr: why });
  }
});

for (const name of ["init", "runit", "runit-init"]) {
  test(`${name} CMD runs the stages of its image`, inNamespaces, async (t) => {
    const { said, code } = await onMachine(t, [name, "sh", "-c", `${say("main")}; exit 7`]);
    assert.equal(code, 7);
    for (const line of ["machine 1", "machine 2", "main", "machine 3"]) {
      assert.ok(said.split("\n").includes(line), said);
    }
  });
}

test("a fault of the program changes nothing about it", inNamespaces, async (t) => {
  for (const [options, expected] of [
    [[], ""],
    [["--stages", "/etc/runit"], "own 1\nown 2\nown 3\n"],
  ] as const) {
    const inside = await startFaultyInit(t, [], {
      pid1: ["trinit", "entrypoint", "-v", ...options],
      runit: stagesOf("own"),
      services: { web: { "run!": "#!/bin/sh\nexec sleep 600\n" } },
    });
    const file = path.join(inside.etc, "../run/said");
    if (expected !== "") await waitForFile(file, (text) => text.includes("own 2"));
    inside.arm("crash-segv.once");
    inside.signal("SIGCONT"); // a look at what is armed
    await inside.stderr.waitFor(/fault in the program, starting over/);
    inside.signal("SIGTERM");
    assert.deepEqual(await inside.waitForExit(), ended(0));
    assert.equal(fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "", expected);
  }
});

test("not as process 1, it is the same: on a machine, too", inNamespaces, async (t) => {
  const faults = tempDir(t);
  fs.writeFileSync(path.join(faults, "machine"), "");
  const own = "trinit entrypoint --wait 0 --stages /etc/own sh -c 'exit 7'";
  for (const env of [{}, { TRINIT_FAULTS: faults }]) {
    const inside = await startNamespace(t, {
      pid1: ["sh", "-c", `trinit entrypoint sh -c 'exit 6'; echo $?; ${own}; echo $?; sleep 600`],
      runit: stagesOf("machine"),
      services: { web: service("web"), "../own": stagesOf("own") },
      trinit: faultsBin("trinit"),
      env,
    });
    await inside.stdout.waitFor(/^6$/);
    await inside.stdout.waitFor(/^7$/);
    const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "utf8");
    assert.deepEqual(said.match(/^(own|machine) .*/gm), ["own 1", "own 2", "own 3"]);
  }
});

test("without a word, init and trinit are an image's init", inNamespaces, async (t) => {
  for (const name of ["init", "trinit"]) {
    const services = { web: service("web") };
    const runit = { "1!": stagesOf("image")["1!"] ?? "" };
    const inside = await startNamespace(t, { pid1: [name], runit, services });
    await isUp(inside.service("web"));
    const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "utf8");
    assert.match(said, /^image 1$/m);
  }
});
