// Style that is not checked is not style for long. Each rule is a function from a text, or from
// the texts of the tree, to complaints; the last test feeds every one of them something bad.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { applets } from "../src/applets.ts";

const root = path.resolve(import.meta.dirname, "..");

/** A file of the tree: its path from the root, and its text in latin1. */
interface File {
  readonly name: string;
  readonly text: string;
}

/** `src/core/time.ts:12: what is wrong`. */
type Complaint = string;

type Rule = (file: File) => Complaint[];

// --- The tree ------------------------------------------------------------------------------

/** Everything that git has, or would have; of an unpacked archive, all but what is made. */
function treeNames(): string[] {
  const args = ["ls-files", "-z", "-co", "--exclude-standard"];
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "latin1" });
  if (status === 0) return stdout.split("\0");
  const made = /^(node_modules|dist|cache|\.git)(\/|$)/;
  const all = readdirSync(root, { recursive: true, encoding: "latin1" });
  return all.filter((name) => !made.test(name));
}

function treeFiles(): File[] {
  return treeNames()
    .filter((name) => name !== "" && existsSync(path.join(root, name)))
    .filter((name) => lstatSync(path.join(root, name)).isFile())
    .map((name) => ({ name, text: readFileSync(path.join(root, name), "latin1") }));
}

const tree = treeFiles();

function filesIn(pattern: RegExp): File[] {
  return tree.filter(({ name }) => pattern.test(name));
}

/** What QuickJS runs. */
const onEngine = /^src\/(core|sys|programs)\/.*\.ts$/;
const sources = /^(src|scripts|test|vm)\/.*\.(ts|c|h|sh)$/;
const typescript = /^(src|scripts|test|vm)\/.*\.ts$/;

/** One complaint per line that the pattern matches. */
function linesThat(file: File, pattern: RegExp, what: string): Complaint[] {
  return file.text
    .split("\n")
    .flatMap((line, at) =>
      pattern.test(line) ? [`${file.name}:${at + 1}: ${what}: ${line}`] : [],
    );
}

/** The text with comments, strings and patterns blanked; line numbers stay. */
function codeOnly(text: string): string {
  const tokens =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g;
  return text.replace(tokens, (token) => {
    const blank = token.replace(/[^\n]/g, " ");
    return /^["'`]/.test(token) ? `"${blank.slice(2)}"` : blank;
  });
}

// --- Layers --------------------------------------------------------------------------------

/** What each directory of src may import: directories of src, and packages. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: ["core"],
  sys: ["sys", "core"],
  programs: ["programs", "sys", "core", "applets.ts"],
  client: ["client", "core", "node:", "chokidar", "tai64", "node-pty"],
};

const checkLayers: Rule = (file) => {
  const layer = file.name.split("/")[1] ?? "";
  const allowed = layers[layer];
  if (allowed === undefined) return [];
  const imports = [
    ...file.text.matchAll(/^(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|^import "([^"]+)"/gm),
  ];
  return imports.flatMap(([, from, bare]) => {
    const target = from ?? bare ?? "";
    const place = target.startsWith(".")
      ? path.relative("src", path.join(path.dirname(file.name), target)).split("/")[0]
      : target.startsWith("node:")
        ? "node:"
        : target;
    return allowed.includes(place ?? "") ? [] : [`${file.name}: ${layer} may not import ${target}`];
  });
};

/** core decides: it never asks the kernel. */
const checkNoSys: Rule = (file) =>
  linesThat({ ...file, text: codeOnly(file.text) }, /\bsys\./, "core may not use sys");

// --- Shape ---------------------------------------------------------------------------------

const columnsMax = 100;
const linesMax = 500;
const functionLinesMax = 70;
/** Longer ones that were looked at and are to stay, as FILE: NAME. The list only gets shorter. */
const longFunctions: readonly string[] = [];

/** A tab counts as four, as the C sources have it. */
function columnsOf(line: string): number {
  return Buffer.from(line.replaceAll("\t", "    "), "latin1").toString().length;
}

const checkColumns: Rule = ({ name, text }) =>
  text.split("\n").flatMap((line, at) => {
    // A comment with a link, or a text that cannot be folded, is the formatter's to leave alone.
    const columns = columnsOf(line);
    return columns <= columnsMax ? [] : [`${name}:${at + 1}: ${columns} columns`];
  });

const checkFileLength: Rule = ({ name, text }) => {
  const lines = text.split("\n").length - 1;
  return lines <= linesMax ? [] : [`${name}: ${lines} lines`];
};

interface FunctionPlace {
  readonly name: string;
  readonly lines: number;
}

const tsHead = new RegExp(
  [
    String.raw`^( *)(?:export )?(?:async )?function\*? (\w+)`, // a function
    String.raw`^( *)(?:export )?const (\w+)(?:: [^=]+)? = (?:async )?\(`, // an arrow with a name
    String.raw`^( +)(?:static |async |get |set |override |private )*\*?(#?\w+)(?:<.*>)?\(`,
  ].join("|"),
);
const cHead = /^()[a-zA-Z_].*\b(\w+)\(/;
const notMethods = /^(if|for|while|switch|catch|return|await|constructor\(\) \{\})$/;

/** The functions of a formatted file: from a head to the `}` that stands as far to the left. */
function functionsOf({ name, text }: File): FunctionPlace[] {
  if (name.endsWith(".d.ts")) return [];
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    const groups = (name.endsWith(".ts") ? tsHead : cHead).exec(line)?.slice(1) ?? [];
    const [indent, called] = groups.filter((group) => group !== undefined);
    if (indent === undefined || called === undefined || notMethods.test(called)) return [];
    const rest = lines.slice(at);
    // Where the parameters are folded, the body opens behind `)`, as far to the left as the head.
    const opens = /[({]$/.test(line)
      ? rest.findIndex((other) => other.endsWith("{") && startsAt(other, indent))
      : -1;
    const closes = rest.findIndex((other) => startsAt(other, indent) && other.trim()[0] === "}");
    if (opens < 0 || closes < opens) return [];
    return [{ name: `${name}: ${called}`, lines: closes + 1 }];
  });
}

function startsAt(line: string, indent: string): boolean {
  return line.startsWith(indent) && /^\S/.test(line.slice(indent.length));
}

const checkFunctionLength: Rule = (file) =>
  functionsOf(file)
    .filter(({ name, lines }) => lines > functionLinesMax && !longFunctions.includes(name))
    .map(({ name, lines }) => `${name}: ${lines} lines`);

// --- What the engine's context has not, or the loop must not ---------------------------------

const checkSynchronous: Rule = (file) => {
  const code = { ...file, text: codeOnly(file.text) };
  return [
    ...linesThat(code, /\b(async|await|Promise|setTimeout|setInterval)\b/, "not synchronous"),
    ...linesThat(code, /\bnew (RegExp|Date|Proxy)\b|\b(RegExp|JSON|Date|eval)[.(]/, "not there"),
    ...linesThat(
      code,
      /(^|[=(,:!&|?{};]|return)\s*\/(?![/*])[^\n]*\/[dgimsuy]*[.,;)\s]/,
      "a RegExp",
    ),
    ...linesThat(code, /\.(match|matchAll|search)\(/, "needs a RegExp"),
  ];
};

const checkAscii: Rule = (file) => linesThat(file, /[^\t\x20-\x7e]/, "not ASCII");

const checkByteStrings: Rule = (file) =>
  file.name === "src/sys/convert.c"
    ? []
    : linesThat(file, /\bJS_(NewString|NewStringLen|ToCString|ToCStringLen)\(/, "see convert.c");

// --- Words ---------------------------------------------------------------------------------

const leftovers = new RegExp(
  ["FIX" + "ME", "X" + "XX", "TO" + "DO"].map((w) => `\\b${w}\\b`).join("|"),
);
const checkLeftovers: Rule = (file) => linesThat(file, leftovers, "unfinished");

const machinePaths = new RegExp(
  ["/wo" + "rk/", "\\.\\./sha" + "red", "/tmp/ora" + "cle"].join("|"),
);
const checkMachinePaths: Rule = (file) => linesThat(file, machinePaths, "a path of one machine");

// --- Tables that say the same ----------------------------------------------------------------

/** The names in sys.d.ts' declaration of `sys`, in order. */
function declaredSys(text: string): string[] {
  const body = /declare const sys: \{\n([\s\S]*?)\n\};/.exec(text)?.[1] ?? "";
  const members = body.replace(/\/\*[\s\S]*?\*\//g, "").matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm);
  return [...members].map(([, name]) => name ?? "");
}

/** The names in sys.c's table, in order. */
function tabledSys(text: string): string[] {
  const body = /sys_table\[\] = \{\n([\s\S]*?)\n\};/.exec(text)?.[1] ?? "";
  return [...body.matchAll(/SYS_(?:CALL|CONST)\((\w+)/g)].map(([, name]) => name ?? "");
}

function checkSysTables(declaration: string, table: string): Complaint[] {
  const declared = declaredSys(declaration);
  const tabled = tabledSys(table);
  const at = declared.findIndex((name, index) => name !== tabled[index]);
  if (declared.length === 0) return ["sys.d.ts declares nothing"];
  if (at < 0 && declared.length === tabled.length) return [];
  return [
    `sys.d.ts has ${declared[at] ?? "no more"} where sys.c has ${tabled.at(at) ?? "no more"}`,
  ];
}

/** What every program brings along. */
function checkProgram(name: string, names: readonly string[], source: string): Complaint[] {
  const complaints: Complaint[] = [];
  if (!names.includes(`src/programs/${name}.ts`)) complaints.push(`${name}: no program`);
  if (!names.includes(`src/programs/${name}.8`)) complaints.push(`${name}: no manual`);
  const tests = new RegExp(`^test/(process|namespace)/${name}-.*\\.test\\.ts$`);
  if (!names.some((file) => tests.test(file))) complaints.push(`${name}: no test of the process`);
  if (!/\busage\b/.test(source)) complaints.push(`${name}: no usage`);
  return complaints;
}

/** Exported names that no other file mentions; `published` files are for the outside. */
function unusedExports(files: readonly File[], published: RegExp): Complaint[] {
  const words = new Map(files.map((file) => [file.name, new Set(file.text.match(/\w+/g))]));
  return files.flatMap(({ name, text }) => {
    if (published.test(name)) return [];
    const exported =
      /^export (?:declare |async )?(?:function\*?|const|class|interface|type) (\w+)/gm;
    return [...text.matchAll(exported)]
      .map(([, word]) => word ?? "")
      .filter(
        (word) => !files.some((other) => other.name !== name && words.get(other.name)?.has(word)),
      )
      .filter((word) => !isPartOfOther(text, word))
      .map((word) => `${name}: nothing uses the exported ${word}`);
  });
}

// --- Other programs' opinions ------------------------------------------------------------------

/** A type that its own file names again: callers get it with a function's result. */
function isPartOfOther(text: string, word: string): boolean {
  const isType = new RegExp(`^export (interface|type) ${word}\\b`, "m").test(text);
  return isType && [...text.matchAll(new RegExp(`\\b${word}\\b`, "g"))].length > 1;
}

/** What a checking program says; null when it is not installed, which CI does not accept. */
function opinionOf(program: string, args: readonly string[]): string | null {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: "utf8",
  });
  if (error === undefined)
    return status === 0 ? "" : `${program} exits ${status}:\n${stdout}${stderr}`;
  return process.env.CI === undefined ? null : `${program} is missing, and CI needs it`;
}

/** A double holds 53 bits: what the kernel counts with 64 crosses as a byte string, or checked. */
function checkWideNumbers(file: File): Complaint[] {
  const isLoose = /\bino\b/.test(file.text) && !file.text.includes("bigint: true");
  if (file.name.endsWith(".ts")) return isLoose ? [`${file.name}: a stat without bigint`] : [];
  return linesThat(file, /JS_New\w+\(ctx, [^;]*st_(ino|dev|size)/, "a double");
}

function isShell({ name, text }: File): boolean {
  const sourced = name.startsWith("stages/");
  const named = /\.(ba)?sh$/.test(name);
  return sourced || named || /^#!\s*\/(usr\/)?bin\/(env )?(ba|da)?sh\b/.test(text);
}

// --- The tests ---------------------------------------------------------------------------------

function rule(title: string, files: readonly File[], check: Rule): void {
  test(title, () => assert.deepEqual(files.flatMap(check), []));
}

rule("layers: imports point one way", filesIn(/^src\/.*\.ts$/), checkLayers);
rule("no inode number is a double", filesIn(/^(src|scripts|vm)\/.*\.(ts|c)$/), checkWideNumbers);
rule("core uses no sys", filesIn(/^src\/core\//), checkNoSys);
rule(`no line over ${columnsMax} columns`, filesIn(sources), checkColumns);
rule(`no file over ${linesMax} lines`, filesIn(sources), checkFileLength);
rule(`no function over ${functionLinesMax} lines`, filesIn(/\.(ts|c)$/), checkFunctionLength);
rule(
  "what QuickJS runs is synchronous and uses only what is there",
  filesIn(onEngine),
  checkSynchronous,
);
rule(
  "sources of the executable are ASCII",
  filesIn(/^src\/(core|sys|programs)\/|^src\/[^/]+\.ts$/),
  checkAscii,
);
rule("bytes cross the border in convert.c", filesIn(/^src\/sys\/.*\.[ch]$/), checkByteStrings);
rule("nothing is left to do", filesIn(/./), checkLeftovers);
rule("no path of one machine", filesIn(/./), checkMachinePaths);

test("the list of functions over the limit only gets shorter", () => {
  const long = filesIn(/\.(ts|c)$/)
    .flatMap(functionsOf)
    .filter(({ lines }) => lines > functionLinesMax);
  const names = long.map(({ name }) => name);
  assert.deepEqual(
    longFunctions.filter((name) => !names.includes(name)),
    [],
  );
});

test("sys.d.ts declares what sys.c has, in the same order", () => {
  const [declaration] = filesIn(/^src\/sys\/sys\.d\.ts$/);
  const [table] = filesIn(/^src\/sys\/sys\.c$/);
  assert.deepEqual(checkSysTables(declaration?.text ?? "", table?.text ?? ""), []);
});

test("every program has its source, manual, usage and test", () => {
  const names = tree.map(({ name }) => name);
  const complaints = Object.keys(applets).flatMap((name) => {
    const [source] = tree.filter((file) => file.name === `src/programs/${name}.ts`);
    return checkProgram(name, names, source?.text ?? "");
  });
  assert.deepEqual(complaints, []);
});

test("every export is used", () => {
  assert.deepEqual(unusedExports(filesIn(typescript), /^src\/client\/index\.ts$/), []);
});

test("shellcheck finds nothing", (t) => {
  const scripts = tree.filter(isShell).map(({ name }) => name);
  const opinion = opinionOf("shellcheck", scripts);
  if (opinion === null) return t.skip("type: apt-get install shellcheck");
  assert.equal(opinion, "");
});

test("mandoc finds nothing in the manuals", (t) => {
  const manuals = filesIn(/\.[1-8]$/).map(({ name }) => name);
  if (manuals.length === 0) return;
  const opinion = opinionOf("mandoc", ["-Tlint", "-Wwarning", ...manuals]);
  if (opinion === null) return t.skip("type: apt-get install mandoc");
  assert.equal(opinion, "");
});

test("biome finds nothing", () => {
  const opinion = opinionOf("node_modules/.bin/biome", ["check", "--colors=off", "."]);
  assert.equal(opinion, "");
});

// Built from pieces, so that this file does not break the rules that it checks.
const bad: readonly (readonly [Rule, string, string])[] = [
  [checkLayers, "src/core/a.ts", 'import { main } from "../programs/sv.ts";'],
  [checkLayers, "src/core/a.ts", 'import {\n  open,\n} from "../sys/posix.ts";'],
  [checkLayers, "src/core/a.ts", 'import path from "node:path";'],
  [checkLayers, "src/sys/a.ts", 'export { main } from "../programs/sv.ts";'],
  [checkLayers, "src/programs/a.ts", 'import "../client/index.ts";'],
  [checkLayers, "src/client/a.ts", 'import { open } from "../sys/posix.ts";'],
  [checkLayers, "src/client/a.ts", 'import { execa } from "execa";'],
  [checkNoSys, "src/core/a.ts", "const now = sys.monotonic();"],
  [checkColumns, "src/a.ts", `${"\t".repeat(25)}x`],
  [checkColumns, "src/a.ts", "x".repeat(101)],
  [checkFileLength, "src/a.ts", "\n".repeat(501)],
  [checkFunctionLength, "src/a.ts", `export async function a(): void {${"\n  b();".repeat(69)}\n}`],
  [
    checkFunctionLength,
    "src/a.ts",
    `function a(\n  b: string,\n): void {${"\n  b();".repeat(67)}\n}`,
  ],
  [checkFunctionLength, "src/a.ts", `class A {\n  #a(): void {${"\n    b();".repeat(69)}\n  }\n}`],
  [checkFunctionLength, "src/a.ts", `const a: B = (c) => {${"\n  b();".repeat(69)}\n};`],
  [checkFunctionLength, "src/a.c", `static JSValue a(ARGS) {${"\n\tb();".repeat(69)}\n}`],
  [checkSynchronous, "src/core/a.ts", "async function a() {}"],
  [checkSynchronous, "src/core/a.ts", "const a: Promise<void> = b();"],
  [checkSynchronous, "src/core/a.ts", "setTimeout(a, 1);"],
  [checkSynchronous, "src/core/a.ts", "const a = /b/;"],
  [checkSynchronous, "src/core/a.ts", "if (/^b+$/.test(a)) return;"],
  [checkSynchronous, "src/core/a.ts", 'const a = new RegExp("b");'],
  [checkSynchronous, "src/core/a.ts", "return JSON.stringify(a);"],
  [checkSynchronous, "src/core/a.ts", "const a = new Date();"],
  [checkSynchronous, "src/core/a.ts", "const a = Date.now();"],
  [checkAscii, "src/core/a.ts", 'const a = "caf\xc3\xa9";'],
  [checkByteStrings, "src/sys/sys.c", "\treturn JS_NewString(ctx, text);"],
  [checkByteStrings, "src/sys/sys.c", "\tconst char *text = JS_ToCString(ctx, value);"],
  [checkLeftovers, "src/a.ts", `// ${"TO"}${"DO"}: later`],
  [checkLeftovers, "src/a.c", `/* ${"FIX"}${"ME"} */`],
  [checkMachinePaths, "README.md", `see ${"/wo"}${"rk/"}main`],
];

const good: readonly (readonly [Rule, string, string])[] = [
  [checkLayers, "src/programs/a.ts", 'import { open } from "../sys/posix.ts";'],
  [checkNoSys, "src/core/a.ts", "// as sys.open says"],
  [checkColumns, "src/a.ts", "x".repeat(100)],
  [checkFunctionLength, "src/a.ts", `function a(): void {${"\n  b();".repeat(68)}\n}`],
  [
    checkFunctionLength,
    "src/a.ts",
    `function a(): void {\n  complain(\n    b,\n  );\n}\n${"a();\n".repeat(99)}`,
  ],
  [checkSynchronous, "src/core/a.ts", 'const a = "await /the/ Promise"; // of JSON.parse()'],
  [checkSynchronous, "src/core/a.ts", "const a = Math.floor(b / c) / (d / 2);"],
  [checkLeftovers, "src/a.ts", 'const template = "XXXXXX";'],
];

test("every rule finds what is bad, and nothing else", () => {
  for (const [check, name, text] of bad) {
    assert.notDeepEqual(check({ name, text }), [], `${check.name} accepts ${text}`);
  }
  for (const [check, name, text] of good) assert.deepEqual(check({ name, text }), []);
});

test("the comparisons find what is bad", () => {
  const declaration =
    "declare const sys: {\n  /** b(): */\n  a(): number;\n  readonly B: number;\n};\n";
  const table = "sys_table[] = {\n\tSYS_CALL(a, 0),\n\tSYS_CONST(B),\n};\n";
  assert.deepEqual(checkSysTables(declaration, table), []);
  assert.equal(checkSysTables(declaration, table.replace("B", "C")).length, 1);
  assert.equal(checkSysTables(declaration, table.replace("\tSYS_CONST(B),\n", "")).length, 1);
  assert.equal(checkSysTables(declaration, table.replace("};", "\tSYS_CALL(c),\n};")).length, 1);
  assert.equal(checkSysTables("", "").length, 1);
  assert.equal(checkProgram("sv", ["src/programs/sv.ts"], "").length, 3);
  const files = [
    {
      name: "a.ts",
      text: "export function a(b: B): void {}\nexport interface B {}\nexport const c = 1;",
    },
    { name: "b.ts", text: 'import { a } from "a.ts";' },
  ];
  assert.deepEqual(unusedExports(files, /^$/), ["a.ts: nothing uses the exported c"]);
  assert.notEqual(opinionOf("false", []), "");
});
