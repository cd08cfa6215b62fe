// Makes the executable: TypeScript -> esbuild, one script per family -> QuickJS bytecode
// -> C -> one static executable. `tsx scripts/build.ts [asan]`; see docs/ENGINE.md.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { build as bundle } from "esbuild";
import { execaSync } from "execa";
import { allNames, applets, linkedNames, subcommands } from "../src/applets.ts";
import { makeShare } from "./share.ts";

/** A way to build: where it goes and what differs. */
interface Flavour {
  readonly directory: string;
  readonly executable: string;
  /** Bytecode without names and lines, machine code without symbols. */
  readonly stripped: boolean;
  /** Fault points that tests arm; never in what is installed. */
  readonly faults: boolean;
  readonly sanitized: boolean;
}

const flavours = {
  release: {
    directory: "dist",
    executable: "trinit",
    stripped: true,
    faults: false,
    sanitized: false,
  },
  debug: {
    directory: "dist",
    executable: "trinit.debug",
    stripped: false,
    faults: false,
    sanitized: false,
  },
  faults: {
    directory: "dist/faults",
    executable: "trinit",
    stripped: false,
    faults: true,
    sanitized: false,
  },
  asan: {
    directory: "dist/asan",
    executable: "trinit",
    stripped: false,
    faults: true,
    sanitized: true,
  },
} as const satisfies Record<string, Flavour>;

/** Of all that is used of @suchipi/quickjs 0.16.1, in each platform's directory; there
 * `LC_ALL=C sha256sum bin/qjsc include/*.h lib/quickjs-core.a | sha256sum` prints it. */
const engineSums: Record<string, string> = {
  "x86_64-unknown-linux-static": "fbe4a0603f3051d72f83f13c372cd03f784ccbd73fb70b5272191687493697a1",
  "x86_64-unknown-linux-gnu": "2aca1716c667f3d16c3dc178958f9111c88165be64929b3ae1e433b82872105b",
  "aarch64-unknown-linux-static":
    "09be27e7f6112dd02c56d30da9d0ab84ed1782f4c64d89a37a0499d118a51df6",
  "aarch64-unknown-linux-gnu": "088128730939e9564a44ef4193850321e5ffcced4c25a73031d71ffdbbc9fe09",
};

const root = path.resolve(import.meta.dirname, "..");
const sysDirectory = path.join(root, "src/sys");
const strippedScript = path.join(sysDirectory, "stripped.ld");
const version = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version as string;

function sha256(bytes: string | Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The sum of the sums of what is used of the engine, as sha256sum(1) prints them. */
export function engineSum(directory: string): string {
  const headers = readdirSync(path.join(directory, "include")).filter((name) => /\.h$/.test(name));
  const names = ["bin/qjsc", ...headers.map((name) => `include/${name}`), "lib/quickjs-core.a"];
  const lines = names.sort().map((name) => {
    return `${sha256(readFileSync(path.join(directory, name)))}  ${name}\n`;
  });
  return sha256(lines.join(""));
}

function engineDirectory(libc: "static" | "gnu"): string {
  const architectures: Record<string, string> = { x64: "x86_64", arm64: "aarch64" };
  const architecture = architectures[process.arch];
  if (architecture === undefined) throw new Error(`no engine for ${process.arch}`);
  const platform = `${architecture}-unknown-linux-${libc}`;
  const found = createRequire(import.meta.url).resolve("@suchipi/quickjs/package.json");
  const directory = path.join(path.dirname(found), "build", platform);
  const sum = engineSum(directory);
  if (sum !== engineSums[platform]) {
    const files = "bin/qjsc include/*.h lib/quickjs-core.a";
    throw new Error(`${directory}: SHA-256 of ${files} is ${sum}, not the pinned one`);
  }
  return directory;
}

/** The C files of src/sys. */
const cUnits = ["host", "convert", "heap", "files", "wait", "process", "identity", "boot", "sys"];

/** Programs that tests run on the engine: in a family of their own, where fault points are. */
const testFamily = "test";
const testPrograms: Readonly<Record<string, string>> = {
  "posix-calls": "test/fixtures/posix-calls-engine.ts",
};

function familiesOf(flavour: Flavour): string[] {
  const families = new Set<string>(Object.values(applets).map((applet) => applet.family));
  return [...families, ...(flavour.faults ? [testFamily] : [])];
}

/** The programs of a family, with their sources. */
function programsOf(family: string): (readonly [name: string, source: string])[] {
  if (family === testFamily) return Object.entries(testPrograms);
  return Object.entries(applets)
    .filter(([, applet]) => applet.family === family)
    .map(([name]) => [name, `src/programs/${name}.ts`]);
}

/** What a raw context of the engine has in its table of names, in this order, behind those that are
 * compiled in. A script that names them first has the numbers in its bytecode that its names get
 * when it is read, and is used where it lies in the executable; see docs/ENGINE.md. */
const rawNames = [
  "isError at every some forEach map filter reduce reduceRight fill find findIndex findLast",
  "findLastIndex indexOf lastIndexOf includes pop push shift unshift reverse toReversed sort",
  "toSorted slice splice toSpliced copyWithin flatMap flat entries isArray",
]
  .join(" ")
  .split(" ")
  .concat("get [Symbol.species]");

async function makeScript(family: string, flavour: Flavour, output: string): Promise<void> {
  const programs = programsOf(family);
  const imports = programs.map(
    ([, source], index) => `import { main as main${index} } from "./${source}";`,
  );
  const names = programs.map(([name], index) => `"${name}": main${index}`);
  await bundle({
    stdin: {
      contents: `${imports.join("\n")}\nglobalThis.programs = { ${names.join(", ")} };\n`,
      resolveDir: root,
      loader: "ts",
    },
    bundle: true,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    minifySyntax: true,
    minifyIdentifiers: flavour.stripped,
    define: { FAULTS: String(flavour.faults), VERSION: JSON.stringify(version) },
    inject: [path.join(sysDirectory, "global.ts")],
    banner: { js: `(o => [${rawNames.map((name) => `o[${JSON.stringify(name)}]`).join()}]);` },
    outfile: output,
    logLevel: "warning",
  });
}

function testNames(flavour: Flavour): string[] {
  return flavour.faults ? Object.keys(testPrograms) : [];
}

/** Every name that this executable is called by: [name, program, family]. */
function namesOf(flavour: Flavour): (readonly [string, string, string])[] {
  return [
    ...allNames().map(([name, program]) => [name, program, applets[program].family] as const),
    ...testNames(flavour).map((name) => [name, name, testFamily] as const),
  ];
}

/** The table that host.c includes: which program is in which bundle. */
function makeHeader(flavour: Flavour, output: string): void {
  const lines = familiesOf(flavour).flatMap((family) => [
    `extern const uint8_t code_${family}[];`,
    `extern const uint32_t code_${family}_size;`,
  ]);
  lines.push("static const struct applet applets[] = {");
  for (const [name, program, family] of namesOf(flavour)) {
    lines.push(`\t{"${name}", "${program}", code_${family}, &code_${family}_size},`);
  }
  const words = Object.keys(subcommands).map((word) => `"${word}"`);
  lines.push("};", `static const char *const subcommands[] = {${words.join(", ")}};`, "");
  writeIfChanged(output, lines.join("\n"));
}

function writeIfChanged(file: string, text: string): void {
  if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeFileSync(file, text);
}

function isStale(output: string, inputs: readonly string[]): boolean {
  if (!existsSync(output)) return true;
  const made = statSync(output).mtimeMs;
  return inputs.some((input) => statSync(input).mtimeMs >= made);
}

function run(command: string, ...args: string[]): void {
  const { exitCode, all } = execaSync(command, args, { reject: false, all: true, cwd: root });
  if (exitCode !== 0) throw new Error(`${command} failed:\n${all}`);
}

interface Compiler {
  /** Is told what takes a while. */
  readonly progress: (text: string) => void;
  readonly command: string;
  readonly flags: readonly string[];
}

function compilerOf(flavour: Flavour, engine: string): Omit<Compiler, "progress"> {
  const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing"];
  flags.push("-ffunction-sections", "-fdata-sections", "-isystem", path.join(engine, "include"));
  // No -D_FORTIFY_SOURCE: it is the headers' part, of which musl's have none, and the sanitizers
  // check the same calls themselves.
  flags.push("-fstack-protector-strong", "-Wl,-z,relro,-z,now,-z,noexecstack");
  if (flavour.faults) flags.push("-DTRINIT_FAULTS");
  if (!flavour.sanitized) return { command: "musl-gcc", flags: [...flags, "-Os", "-g", "-static"] };
  const sanitizers = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-O1", "-g"];
  return { command: "gcc", flags: [...flags, "-DTRINIT_ASAN", ...sanitizers] };
}

function compile(
  compiler: Compiler,
  source: string,
  object: string,
  headers: readonly string[],
): void {
  if (!isStale(object, [source, ...headers])) return;
  const include = ["-I", path.dirname(object), "-I", sysDirectory];
  compiler.progress(`compiling ${path.relative(root, source)}`);
  run(compiler.command, ...compiler.flags, ...include, "-c", source, "-o", object);
}

/** Fails when a name has come before rawNames: that of a global variable of the script, which may
 * be a built-in one that is not used elsewhere. */
function checkNames(source: string): void {
  const bytes = [...readFileSync(source, "latin1").matchAll(/0x([0-9a-f]{2}),/g)].slice(0, 32);
  const text = bytes.map(([, hex = ""]) => String.fromCharCode(Number.parseInt(hex, 16))).join("");
  if (text.indexOf(rawNames[0] as string) === 4) return; // after the version, two sizes
  throw new Error(`${source}: rawNames are not the first: ${JSON.stringify(text)}`);
}

async function makeBundle(
  family: string,
  flavour: Flavour,
  compiler: Compiler,
  work: string,
): Promise<string> {
  const script = path.join(work, `${family}.js`);
  const source = path.join(work, `${family}.c`);
  const object = path.join(work, `${family}.o`);
  const before = existsSync(script) ? readFileSync(script) : null;
  await makeScript(family, flavour, script);
  if (before?.equals(readFileSync(script)) && existsSync(object)) return object;
  const qjsc = path.join(engineDirectory("static"), "bin/qjsc");
  const strip = flavour.stripped ? ["-s"] : [];
  run(qjsc, "-c", ...strip, "-N", `code_${family}`, "-o", source, script);
  if (flavour.stripped) checkNames(source); // otherwise the file's name is the first
  rmSync(object, { force: true });
  compile(compiler, source, object, []);
  return object;
}

function bytecodeSize(work: string, family: string): number {
  const declared = /_size = (\d+);/.exec(readFileSync(path.join(work, `${family}.c`), "utf8"));
  return Number(declared?.[1]);
}

function linkPrograms(flavour: Flavour): void {
  const bin = path.join(root, flavour.directory, "bin");
  mkdirSync(bin, { recursive: true });
  const there = readdirSync(bin);
  const names = [...linkedNames().map(([name]) => name), ...testNames(flavour)];
  for (const name of there) if (!names.includes(name)) rmSync(path.join(bin, name));
  for (const name of names) {
    if (!there.includes(name)) symlinkSync("../trinit", path.join(bin, name));
  }
}

export async function buildFlavour(
  name: keyof typeof flavours,
  report: boolean,
  progress: (text: string) => void = () => {},
): Promise<void> {
  const flavour: Flavour = flavours[name];
  const engine = engineDirectory(flavour.sanitized ? "gnu" : "static");
  const work = path.join(root, "dist/work", name);
  mkdirSync(work, { recursive: true });
  makeHeader(flavour, path.join(work, "applets.h"));
  const compiler = { ...compilerOf(flavour, engine), progress };
  const headers = [
    path.join(work, "applets.h"),
    path.join(sysDirectory, "sys.h"),
    path.join(sysDirectory, "engine.h"),
  ];
  const objects: string[] = [];
  for (const unit of cUnits) {
    const object = path.join(work, `${unit}.o`);
    compile(compiler, path.join(sysDirectory, `${unit}.c`), object, headers);
    objects.push(object);
  }
  const families = familiesOf(flavour);
  for (const family of families) objects.push(await makeBundle(family, flavour, compiler, work));
  const directory = path.join(root, flavour.directory);
  const output = path.join(directory, flavour.executable);
  mkdirSync(directory, { recursive: true });
  if (isStale(output, [...objects, strippedScript])) {
    const strip = flavour.stripped ? ["-s", `-Wl,-T,${strippedScript}`] : [];
    const libraries = [path.join(engine, "lib/quickjs-core.a"), "-Wl,--gc-sections", "-lm"];
    run(
      compiler.command,
      ...compiler.flags,
      ...strip,
      ...objects,
      ...libraries,
      "-o",
      `${output}.new`,
    );
    run("mv", "-f", `${output}.new`, output);
  }
  if (flavour.executable === "trinit") {
    linkPrograms(flavour);
    makeShare(path.join(directory, "share"), version);
  }
  if (!report) return;
  for (const family of families) {
    const size = bytecodeSize(work, family);
    const names = programsOf(family).map(([name]) => name);
    console.log(`${family.padEnd(12)} ${size} bytes of bytecode: ${names.join(" ")}`);
  }
  console.log(`${path.relative(root, output).padEnd(12)} ${statSync(output).size} bytes`);
}

async function main(): Promise<void> {
  const asked = process.argv[2];
  if (asked === "asan") return buildFlavour("asan", true);
  if (asked !== undefined && asked !== "faults") throw new Error(`usage: build.ts [asan|faults]`);
  if (asked === "faults") return buildFlavour("faults", false);
  run("node_modules/.bin/tsc", "--noEmit", "-p", "tsconfig.json");
  await buildFlavour("release", true);
  await buildFlavour("debug", false);
}

if (process.argv[1] === import.meta.filename) await main();
