// The table of programs: the build, `trinit help` and `trinit install` derive from it.
// A family is one bundle of bytecode: a program has all of its family in memory. Programs that
// fork each other, or share most of their code, are one.

export type Family = "supervision" | "log" | "control" | "chain" | "init" | "entrypoint" | "trinit";

export interface Applet {
  readonly family: Family;
  /** Other names it is called by; main sees which one in argv[0]. */
  readonly aliases: readonly string[];
  /** Called as `trinit NAME` alone: no link has this name, which others have for scripts. */
  readonly unlinked?: true;
  /** One line for `trinit help`. */
  readonly summary: string;
}

export const applets = {
  trinit: {
    family: "trinit",
    aliases: [],
    summary: "help, install, info, and every program below by name",
  },
  init: {
    family: "init",
    aliases: ["runit", "runit-init"],
    summary: "process 1: stages 1, 2 and 3 of a machine or a container",
  },
  entrypoint: {
    family: "entrypoint",
    aliases: [],
    unlinked: true,
    summary: "runs a command as a container does, with services or without",
  },
  shutdown: {
    family: "init",
    aliases: ["halt", "poweroff", "reboot"],
    summary: "tells init to end the system",
  },
  runsv: { family: "supervision", aliases: [], summary: "supervises one service, and its logger" },
  runsvdir: {
    family: "supervision",
    aliases: [],
    summary: "starts and watches one runsv per service directory",
  },
  svlogd: { family: "log", aliases: [], summary: "writes a log into directories, rotates it" },
  sv: { family: "control", aliases: [], summary: "shows and controls services" },
  runsvchdir: {
    family: "control",
    aliases: [],
    summary: "switches to another directory of services",
  },
  utmpset: { family: "control", aliases: [], summary: "logs out a line in utmp and wtmp" },
  chpst: {
    family: "chain",
    aliases: ["envdir", "envuidgid", "pgrphack", "setlock", "setuidgid", "softlimit"],
    summary: "runs a program with a changed user, environment, limits, ...",
  },
} as const satisfies Record<string, Applet>;

/** What trinit does itself; as process 1, any other word is a command to run. */
export const subcommands = {
  help: "list the programs",
  info: "show the version and the paths in force",
  install: "install the programs into a directory",
  stage: "do what a stage has to do at least",
  await: "wait until all services are up",
  down: "bring all services down, in stage 3",
  killall: "end everything, in stage 3",
  bootchart: "draw what started when, as SVG",
  shadow: "make a service directory that can be written of one that cannot",
  "--help": "list the programs",
  "--version": "show the version",
} as const satisfies Record<string, string>;

/** What follows each of these. */
export const forms: Readonly<Record<string, string>> = {
  help: "[name]",
  info: "",
  install: "[--init] [--share dir] dir",
  stage: "1|2|3",
  await: "seconds",
  down: "[-l]",
  killall: "[-w seconds]",
  bootchart: "",
  shadow: "dir",
};

/** Every name a program is called by, with the program: [name, program]. */
export function allNames(): readonly (readonly [string, keyof typeof applets])[] {
  const names: [string, keyof typeof applets][] = [];
  for (const program of Object.keys(applets) as (keyof typeof applets)[]) {
    for (const name of [program, ...applets[program].aliases]) names.push([name, program]);
  }
  return names;
}

/** Those that have links. */
export function linkedNames(): ReturnType<typeof allNames> {
  return allNames().filter(([, program]) => !("unlinked" in applets[program]));
}

/** The manuals and completions, as paths below a share directory: those of init's names only
 * where these are installed. */
export function sharedFiles(withInit: boolean): readonly string[] {
  const names = allNames().filter(([, program]) => withInit || applets[program].family !== "init");
  return [
    ...names.map(([name]) => `man/man8/${name}.8`),
    "man/man5/service.5",
    ...["sv", "trinit"].flatMap((name) => [
      `bash-completion/completions/${name}`,
      `zsh/site-functions/_${name}`,
      `fish/vendor_completions.d/${name}.fish`,
    ]),
  ];
}
