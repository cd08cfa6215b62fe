// Makes share/ beside an executable: manuals and completions, as `trinit install --share` copies
// them. Completions get their words from the tables that the programs have them from.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { allNames, applets, sharedFiles, subcommands } from "../src/applets.ts";
import { usage } from "../src/core/entrypoint.ts";
import { verbTexts } from "../src/core/sv-usage.ts";
import { vocabulary } from "../src/core/verbs.ts";

const root = path.resolve(import.meta.dirname, "..");

/** Words with a line about each: quoted as they are, so without quotes and backslashes. */
type Words = readonly (readonly [word: string, text: string])[];

/** The long options of trinit entrypoint, as its usage has them. */
const options: Words = [...usage.matchAll(/(--[a-z-]+)(?: \S+)? {2,}(.*)/g)].map(
  ([, word = "", text = ""]) => [word, text],
);

/** What the templates name, by that name. */
const tables: Readonly<Record<string, Words>> = {
  SV: vocabulary.map((word) => [word, verbTexts[word] ?? ""]),
  ENTRYPOINT: options,
  WORDS: Object.entries(subcommands).filter(([word]) => word !== "--help"),
  NAMES: allNames()
    .filter(([name]) => name !== "trinit")
    .map(([name, program]) => [name, applets[program].summary]),
};

const formats: Readonly<Record<string, (table: Words) => string>> = {
  bash: (table) => table.map(([word]) => word).join(" "),
  zsh: (table) => table.map(([word, text]) => `  '${word}:${text}'`).join("\n"),
  fish: (table) => table.map(([word, text]) => `        '${word}' '${text}'`).join(" \\\n"),
};

/** The source of a completion: bash has both in one file, since the one calls the other. */
function sourceOf(shell: string, name: string): string {
  return shell === "bash" ? "trinit.bash" : name;
}

function completion(shell: string, name: string): string {
  const source = path.join(root, "completions", sourceOf(shell, name));
  return readFileSync(source, "utf8").replace(/@([A-Z]+)@/g, (_, table: string) => {
    const list = tables[table];
    const format = formats[shell];
    if (list === undefined || format === undefined) throw new Error(`${source}: @${table}@`);
    return format(list);
  });
}

/** A manual, with whose it is in its foot; or, for another name of a program, a page that names
 * that program's. */
function manual(name: string, version: string): string {
  const program = allNames().find(([known]) => `${known}.8` === name)?.[1];
  const page = program === undefined ? name : `${program}.8`;
  if (page !== name) return `.so man8/${page}\n.\\" trinit ${version}\n`;
  const text = readFileSync(path.join(root, "src/programs", name), "utf8");
  return text.replace(/^\.Os\b.*$/m, `.Os trinit ${version}`);
}

function textOf(file: string, version: string): string {
  const [kind = ""] = file.split("/");
  const name = path.basename(file);
  return kind === "man" ? manual(name, version) : completion(kind.replace(/-.*/, ""), name);
}

/** Makes the directory, and removes what it should not have. */
export function makeShare(directory: string, version: string): void {
  const files = sharedFiles(true);
  const there = existsSync(directory) ? readdirSync(directory, { recursive: true }) : [];
  const known = new Set(files.flatMap((file) => [file, path.dirname(file)]));
  for (const name of there.map(String)) {
    const inside = [...known].some((file) => file === name || file.startsWith(`${name}/`));
    if (!inside) rmSync(path.join(directory, name), { recursive: true, force: true });
  }
  for (const file of files) {
    const target = path.join(directory, file);
    const text = textOf(file, version);
    mkdirSync(path.dirname(target), { recursive: true });
    if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text);
  }
}
