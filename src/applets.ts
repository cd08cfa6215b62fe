// The table of programs: the build, `trinit help` and `trinit install` derive from it.
// A family is one bundle of bytecode; programs that fork each other share a family.

export type Family = "supervision" | "control" | "trinit";

export interface Applet {
  readonly family: Family;
  /** One line for `trinit help`. */
  readonly summary: string;
}

export const applets = {
  trinit: { family: "trinit", summary: "help, install, info, and every program below by name" },
  runsv: { family: "supervision", summary: "supervises one service, and its logger" },
  runsvdir: {
    family: "supervision",
    summary: "starts and watches one runsv per service directory",
  },
  svlogd: { family: "supervision", summary: "writes a log into directories, rotates it" },
  sv: { family: "control", summary: "shows and controls services" },
} as const satisfies Record<string, Applet>;
