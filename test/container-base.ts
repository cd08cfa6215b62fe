// What stands for the images of a registry when the Dockerfile is built in a test: Debian's minimal
// system with this machine's Node.js and npm, and what a build there needs of this machine.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { keep, type Progress } from "../vm/cache.ts";
import { podman } from "./container.ts";
import { root } from "./harness.ts";

/** What scripts/setup.sh would install each time. */
const packages = ["ca-certificates", "gcc", "libc6-dev", "musl-tools"];

/** Its name. */
const base = "localhost/base";

const prefix = path.resolve(process.execPath, "../..");
const nodeFiles = ["bin/node", "bin/npm", "lib/node_modules/npm"];

/** An archive of it, kept from one run to the next. */
export async function findBase(progress: Progress): Promise<string> {
  const parts = [process.version, ...packages, ...nodeFiles].join(" ");
  const key = createHash("sha256").update(parts).digest("hex").slice(0, 16);
  const directory = await keep(`container-${key}`, async (work) => {
    progress("making a Debian system with Node.js: debootstrap takes a minute or two");
    const tree = path.join(work, "tree");
    const make = '. scripts/minbase.sh; make_minbase "$1" "$2"';
    await execa("sh", ["-euc", make, "base", tree, packages.join(",")], { cwd: root });
    for (const file of nodeFiles) {
      const copy = path.join(tree, prefix, file);
      fs.mkdirSync(path.dirname(copy), { recursive: true });
      await execa("cp", ["-a", path.join(prefix, file), copy]);
    }
    await execa("tar", ["-C", tree, "-cf", path.join(work, "base.tar"), "."]);
    fs.rmSync(tree, { recursive: true });
  });
  return path.join(directory, "base.tar");
}

function npmConfig(key: string): Promise<string> {
  return execa("npm", ["config", "get", key]).then(({ stdout }) => stdout);
}

/** For `--volume`: the file or directory of this machine, where it exists, at a place in there. */
function volume(from: string | undefined, to = from): string[] {
  return from !== undefined && fs.existsSync(from) ? [`--volume=${from}:${to}`] : [];
}

/** Options of `podman build`: how the build there reaches what this machine reaches; and what has
 * been downloaded is not downloaded again. */
async function networkArgs(): Promise<string[]> {
  const [user, global, cache] = await Promise.all(
    ["userconfig", "globalconfig", "cache"].map(npmConfig),
  );
  fs.mkdirSync(cache ?? "", { recursive: true });
  return [
    "--network=host",
    ...volume(cache, "/root/.npm"),
    ...volume(user, "/root/.npmrc"),
    ...volume(global, path.join(prefix, "etc/npmrc")),
    ...volume("/etc/ssl/certs/ca-certificates.crt"),
    ...volume(process.env.NODE_EXTRA_CA_CERTS),
    ...volume("/etc/apt/auth.conf.d"),
  ];
}

/** Builds an image of the Dockerfile. */
export async function build(name: string, ...args: readonly string[]): Promise<void> {
  if ((await podman("images", "--quiet", base)) === "") {
    const certificates = process.env.NODE_EXTRA_CA_CERTS;
    const env = ["npm_config_prefer_offline=true"];
    if (certificates !== undefined) env.push(`NODE_EXTRA_CA_CERTS=${certificates}`);
    const changes = env.map((setting) => `--change=ENV ${setting}`);
    await podman("import", "--quiet", ...changes, await findBase(() => {}), base);
  }
  const bases = ["BASE", "DEBIAN"].map((argument) => `--build-arg=${argument}=${base}`);
  // Without layers: each would be a copy of all below it.
  const how = ["--quiet", "--layers=false", ...bases, ...(await networkArgs())];
  await podman("build", ...how, ...args, `--tag=${name}`, root);
}
