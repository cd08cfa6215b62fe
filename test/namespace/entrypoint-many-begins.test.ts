// How a container with services begins: what CMD waits for, and what it and the services see.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { eventually, isAlive, kill } from "../harness.ts";
import { startFaultyInit } from "../init.ts";
import { inNamespaces, needsRoot, stageFiles, startNamespace, unsanitized } from "../namespace.ts";
import { isUp } from "../tree.ts";
import { polite, say, service, startContainer } from "../with-services.ts";

const ended = (code: number) => ({ code, signal: null });
const main = (script: string) => ["sh", "-c", script];
const ownStages = ["--stages", "/etc/runit"];

test("CMD begins when the check of every service agrees", inNamespaces, async (t) => {
  const check = `#!/bin/sh\n[ -e /run/ready ] || { ${say("asked")}; exit 1; }\n`;
  const services = { web: service("web", "", { "check!": check }) };
  const inside = await startContainer(t, [], main(say("main")), { services });
  await inside.waitFor(/asked/);
  assert.doesNotMatch(inside.said(), /main/);
  await inside.run("touch", "/run/ready");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /main/);
});

test("a service that does not come up is named, and CMD begins", inNamespaces, async (t) => {
  const bad = service("bad", "", { "check!": "#!/bin/sh\nexit 1\n" });
  const services = { web: service("web"), bad };
  const inside = await startContainer(t, ["--wait", "1"], main("exit 3"), { services });
  assert.deepEqual(await inside.waitForExit(), ended(3));
  assert.match(inside.stderr.text(), /^trinit: warning: not up: .*\/etc\/service\/bad: /m);
  assert.doesNotMatch(inside.stderr.text(), /service\/web/);
});

test("a service that is to stay down is not waited for", inNamespaces, async (t) => {
  const services = { web: service("web"), other: service("other", "", { down: "" }) };
  const inside = await startContainer(t, [], main("exit 3"), { services });
  assert.deepEqual(await inside.waitForExit(), ended(3));
  assert.equal(inside.stderr.text(), "");
});

test("--wait 0: CMD waits for nobody", inNamespaces, async (t) => {
  const services = { web: service("web", "", { "check!": "#!/bin/sh\nexit 1\n" }) };
  const inside = await startContainer(t, ["--wait", "0"], main("exit 3"), { services });
  assert.deepEqual(await inside.waitForExit(), ended(3));
  assert.equal(inside.stderr.text(), "");
});

test("a container that is told to end while CMD waits ends with 0", inNamespaces, async (t) => {
  const check = `#!/bin/sh\n${say("asked")}; exec sleep 600\n`;
  const services = { web: service("web", "", { "check!": check }) };
  const inside = await startContainer(t, [], main("exit 3"), { services });
  await inside.waitFor(/asked/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
});

test("sockets that were handed to process 1 are for CMD", inNamespaces, async (t) => {
  const shown = "echo $(($LISTEN_PID == $$)) $LISTEN_FDS; head -c 4 <&3";
  const inside = await startContainer(t, [], main(shown), {
    services: { web: service("web") },
    prepare: "export LISTEN_PID=1 LISTEN_FDS=1; exec 3</etc/passwd",
  });
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(inside.stdout.text(), "1 1\nroot");
});

test("CMD has the container's stdin, directory and environment", inNamespaces, async (t) => {
  const inside = await startContainer(t, [], main("pwd; echo $COLOUR; readlink /proc/self/fd/0"), {
    services: { web: service("web") },
    env: { COLOUR: "red" },
    prepare: "cd /usr/bin; exec </etc/passwd",
  });
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(inside.stdout.text(), "/usr/bin\nred\n/etc/passwd\n");
});

const showsEnvironment = { "run!": "#!/bin/sh\nenv >/run/env; echo >/run/said; exec sleep 600\n" };

test("services see the container's environment", inNamespaces, async (t) => {
  const services = { web: showsEnvironment };
  const inside = await startContainer(t, [], [], { services, env: { COLOUR: "red" } });
  await inside.waitFor(/\n/);
  assert.match((await inside.run("cat", "/run/env")).stdout, /^COLOUR=red$/m);
});

test("--clean-env: services see PATH, and nothing of the container's", inNamespaces, async (t) => {
  const services = { web: showsEnvironment };
  const command = main("until [ -e /run/said ]; do sleep 0.02; done; echo $COLOUR; cat /run/env");
  const inside = await startContainer(t, ["--clean-env"], command, {
    services,
    env: { COLOUR: "red" },
  });
  assert.deepEqual(await inside.waitForExit(), ended(0));
  const [first, ...variables] = inside.stdout.lines();
  const names = variables.map((line) => line.split("=")[0]).filter((name) => name !== "PWD");
  assert.equal(first, "red");
  assert.ok(names.includes("PATH"));
  assert.deepEqual(
    names.filter((name) => name !== "PATH" && !name?.startsWith("TRINIT_")),
    [],
  );
});

test("a stage 1 of one's own runs first; with 100, nothing else", inNamespaces, async (t) => {
  const runit = { "1!": `#!/bin/sh\n${say("one")}\nexit 100\n` };
  const services = { web: service("web") };
  const inside = await startContainer(t, ownStages, main(say("main")), { services, runit });
  assert.deepEqual(await inside.waitForExit(), ended(100));
  assert.equal(inside.said(), "one\n");
});

test("CMD beside the stages of this repository", inNamespaces, async (t) => {
  const services = { web: service("web") };
  const inside = await startContainer(t, ownStages, main(polite("main")), {
    services,
    runit: stageFiles(),
  });
  await inside.waitFor(/main up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.equal(inside.said().match(/main down/g)?.length, 1);
  assert.match(inside.said(), /web down/);
});

test("a directory of services may be relative to where we are", inNamespaces, async (t) => {
  const services = { "app/web": service("web", "", { essential: "" }) };
  for (const words of ["--service-dir service/app", "--service-dir service/app sleep 600"]) {
    const pid1 = ["sh", "-c", `cd /etc && exec trinit entrypoint ${words}`];
    const inside = await startNamespace(t, { pid1, runit: {}, services });
    await inside.run("sh", "-c", "until sv status /etc/service/app/web; do sleep 0.02; done");
    inside.signal("SIGTERM");
    await inside.waitForExit();
  }
});

const fewProcesses = { skip: needsRoot.skip || unsanitized.skip };

test("too few processes for the services: it is said what to raise", fewProcesses, async (t) => {
  const weak = ["prlimit", "--nproc=2:2", "setpriv", "--reuid=12345", "--clear-groups"];
  const pid1 = [...weak, "trinit", "entrypoint"];
  const inside = await startNamespace(t, { pid1, runit: {}, services: { web: service("web") } });
  await inside.stderr.waitFor(/: 1 services need 3 processes, and the limit is 2: raise it/);
});

test("init with nothing to run says so, and waits for services", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: {} });
  await inside.stderr.waitFor(/^trinit: warning: nothing to run: /);
  fs.mkdirSync(path.join(inside.etc, ".web"));
  fs.writeFileSync(path.join(inside.etc, ".web/run"), "#!/bin/sh\nexec sleep 600\n", {
    mode: 0o755,
  });
  fs.renameSync(path.join(inside.etc, ".web"), path.join(inside.etc, "service/web"));
  await isUp(inside.service("web"));
});

test("five hundred services are up, and all end", inNamespaces, async (t) => {
  const prepare = `mkdir -p /etc/service/a
    printf '#!/bin/sh\\nexec sleep 600\\n' >/etc/service/a/run
    chmod +x /etc/service/a/run
    i=1; while [ $i -lt 500 ]; do
      mkdir /etc/service/$i; ln /etc/service/a/run /etc/service/$i; i=$((i + 1))
    done`;
  const command = main("sv check /etc/service/* | grep -c ^ok; exit 4");
  const options = ["--wait", "60", "--log", "plain"];
  const inside = await startContainer(t, options, command, { prepare });
  assert.deepEqual(await inside.waitForExit(), ended(4));
  assert.equal(inside.stdout.text(), "500\n");
});

// --- Not as process 1 --------------------------------------------------------------------------

/** In a namespace with a bystander, which has the same parent. */
const beside = (options: string, script: string) =>
  main(`sleep 600 & trinit entrypoint ${options} -- sh -c '${script}'; code=$?
    kill -0 $! && echo "bystander lives, code $code"; exec sleep 600`);

for (const [stages, options, runit] of [
  ["built-in stages", "", {}],
  ["the stages of this repository", ownStages.join(" "), stageFiles()],
] as const) {
  test(`not as process 1, ${stages}: only what descends from it ends`, inNamespaces, async (t) => {
    const inside = await startNamespace(t, {
      pid1: beside(options, `setsid sh -c "${say("orphan")}; exec sleep 600" & sleep 0.1; exit 6`),
      runit,
      services: { web: service("web") },
    });
    await inside.stdout.waitFor(/bystander lives, code 6/);
    const { stdout } = await inside.run("pgrep", "-c", "sleep|runsv|init|sh");
    assert.equal(stdout, "2\n"); // the bystander, and what was its parent
    const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1");
    assert.match(said, /orphan/);
    assert.match(said, /web down/);
    assert.doesNotMatch(inside.stderr.text(), /warning/);
    const left = fs.readdirSync(path.join(inside.etc, "../run/runit"));
    assert.deepEqual(
      left.filter((name) => name.startsWith("exitcode")),
      [],
    );
  });
}

test(
  "not as process 1, what does not end is killed, where it descends from it",
  inNamespaces,
  async (t) => {
    const deaf = `trap "" TERM; ${say("up")}; while :; do sleep 0.02; done`;
    const inside = await startNamespace(t, {
      pid1: beside("--kill-after 0.3", deaf),
      runit: {},
      services: { web: service("web") },
    });
    await eventually("CMD", () => {
      const file = path.join(inside.etc, "../run/said");
      return fs.existsSync(file) && /^up$/m.test(fs.readFileSync(file, "latin1"));
    });
    const told = await inside.run("pkill", "-TERM", "-o", "-x", "init");
    assert.equal(told.code, 0);
    await inside.stdout.waitFor(/bystander lives, code 137/);
  },
);

test(
  "a fault of the engine, and CMD goes on with all that it was told",
  inNamespaces,
  async (t) => {
    const inside = await startFaultyInit(t, [], {
      pid1: [
        "trinit",
        "entrypoint",
        "-v",
        "--success",
        "9",
        "--",
        "sh",
        "-c",
        polite("main", "", "HUP").replace("exit;", "exit 9;"),
      ],
      runit: {},
      services: { web: service("web") },
    });
    await isUp(inside.service("web"));
    const file = path.join(inside.etc, "../run/said");
    await eventually("CMD", () => /main up/.test(fs.readFileSync(file, "latin1")));
    inside.arm("crash-segv.once");
    kill(inside.pid, "SIGCHLD");
    await inside.stderr.waitFor(/starting over/);
    assert.ok(isAlive(inside.pid));
    await inside.run("kill", "-HUP", "1");
    assert.equal((await inside.waitForExit()).code, 0);
    assert.match(fs.readFileSync(file, "latin1"), /main down/);
  },
);
