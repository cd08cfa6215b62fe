// A runsvdir that is root with hardly a capability, as in an unprivileged container, over services
// of another user: it may neither signal them nor look into their /proc, and yet a runsv that is
// killed costs no line, since the read end of the log pipe is runsvdir's.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { childrenOf, commandLine, deadlineMs, eventually, kill, waitForFile } from "../harness.ts";
import { inNamespaces, type Namespace, startNamespace } from "../namespace.ts";
import { isUp, runsvOf } from "../tree.ts";

const lines = 20_000;
const skip = process.getuid?.() === 0 ? inNamespaces.skip : "needs root, for a second user";

/** All that is left: to give up root, without which no service would be another's. */
const capabilities = ["--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all"];
const pid1 = ["setpriv", ...capabilities, "runsvdir", "-P", "/etc/service"];

/** Counts, as the user 4711, with a rest every hundred lines, so that it takes two seconds. */
const counter = `#!/bin/sh
exec chpst -u :4711:4711 sh -c 'i=0; while [ $i -lt ${lines} ]; do
  i=$((i + 1)); echo "line $i"; [ $((i % 100)) -ne 0 ] || sleep 0.01
done; echo over; exec sleep 600'
`;
/** Whoever may write its directory: root has no right to it here that is not in its mode. */
const prepare = "mkdir -p -m 777 /etc/service/web/log/main";

/** All of the log, or what there is while a logger begins and renames `current`. */
function logOf(main: string): string {
  const names = fs.readdirSync(main).filter((name) => name.startsWith("@"));
  const files = [...names.sort(), "current"].map((name) => path.join(main, name));
  return files.map(readIfThere).join("");
}

function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}

function capabilitiesOf({ pid }: Namespace): string {
  return /^CapEff:\t(\w+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "";
}

for (const [what, files] of [
  ["the built-in logger", { "log/main/config": "n0\ns0\n" }],
  [
    "a svlogd of the other user's",
    {
      "log/run!": "#!/bin/sh\nexec chpst -u :4711:4711 svlogd -tt main\n",
      "log/main/config": "n0\ns0\n",
    },
  ],
] as const) {
  test(`runsv killed, and ${what} with it, without privileges: no line is lost`, {
    skip,
  }, async (t) => {
    const services = { web: { "run!": counter, ...files } };
    const chown = `${prepare}; chown 4711:4711 /etc/service/web/log/main`;
    const options = { pid1, runit: {}, services, prepare: chown };
    const inside = await startNamespace(t, options);
    const web = inside.service("web");
    const { pid } = await isUp(web);
    assert.equal(Number.parseInt(capabilitiesOf(inside), 16), 0b11 << 6); // setgid, setuid
    const main = path.join(web, "log/main");
    let runsv = await runsvOf(inside, "web");
    const counting = await eventually("the service, by its pid out here", () =>
      childrenOf(runsv).find((child) => commandLine(child).startsWith("sh -c i=0")),
    );
    for (const until of [2_000, 6_000, 10_000]) {
      await waitForFile(path.join(main, "current"), () => logOf(main).includes(` line ${until}\n`));
      const logger = await eventually("the logger", () =>
        childrenOf(runsv).find((child) => commandLine(child).startsWith("svlogd ")),
      );
      kill(logger, "SIGKILL"); // nobody else is left who could read
      kill(runsv, "SIGKILL");
      runsv = await runsvOf(inside, "web", runsv);
      assert.equal((await isUp(web)).pid, pid, "the same process");
    }
    await waitForFile(path.join(main, "current"), () => logOf(main).includes(" over\n"));
    const found = [...logOf(main).matchAll(/ line (\d+)\n/g)].map(([, number]) => Number(number));
    assert.equal(found.length, lines);
    assert.ok(found.every((number, index) => number === index + 1));
    assert.equal(fs.statSync(`/proc/${counting}`).uid, 4711);
    await control(web, "down"); // which root without CAP_KILL may not
    await inside.stderr.waitFor(/^runsv web: warning: unable to send a signal to \d+: /);
    kill(counting, "SIGTERM");
    await until(web, ({ state }) => state === "down", deadlineMs);
  });
}
