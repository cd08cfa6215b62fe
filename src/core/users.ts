// Users and groups: /etc/passwd and /etc/group as text (a static executable has no NSS), and how
// a user and groups are written in an option: `user[:group...]`, or `:uid:gid[:gid...]`.
import { groupsMax } from "./limits.ts";

/** A line of passwd(5), in the shape of getpwnam(3). */
export interface User {
  readonly name: string;
  readonly passwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly shell: string;
  readonly dir: string;
}

/** A line of group(5). */
export interface Group {
  readonly name: string;
  readonly passwd: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const idMax = 0xffffffff;

/** Digits alone, as both the files and options have a number; null for anything else. */
function idOf(text: string): number | null {
  if (text === "") return null;
  for (const digit of text) if (digit < "0" || digit > "9") return null;
  const id = Number(text);
  return id <= idMax ? id : null;
}

/** The fields of a line that can be an entry; null for a comment and for garbage. */
function fieldsOf(line: string): readonly string[] | null {
  let from = 0;
  while (line[from] === " " || line[from] === "\t") from++;
  const first = line[from];
  if (first === undefined || first === "#" || first === "+" || first === "-") return null;
  const fields = line.slice(from).split(":");
  return fields[0] === "" ? null : fields;
}

/** The first entry that `parse` accepts and that has the name or the number. */
function findEntry<Entry extends { readonly name: string }>(
  text: string,
  who: string | number,
  parse: (fields: readonly string[]) => Entry | null,
  idIn: (entry: Entry) => number,
): Entry | null {
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    const fields = fieldsOf(text.slice(from, end));
    const entry = fields === null ? null : parse(fields);
    if (entry !== null && who === (typeof who === "string" ? entry.name : idIn(entry))) {
      return entry;
    }
    from = end + 1;
  }
  return null;
}

function parseUser(fields: readonly string[]): User | null {
  const [name = "", passwd = "", uid = "", gid = "", gecos = "", dir = "", shell = ""] = fields;
  const [user, group] = [idOf(uid), idOf(gid)];
  if (user === null || group === null) return null;
  return { name, passwd, uid: user, gid: group, gecos, shell, dir };
}

function parseGroup(fields: readonly string[]): Group | null {
  const [name = "", passwd = "", number = "", members = ""] = fields;
  const gid = idOf(number);
  if (gid === null) return null;
  return { name, passwd, gid, members: members.split(",").filter((member) => member !== "") };
}

/** The user of this name or number in the text of /etc/passwd, or null. */
export function findUser(text: string, who: string | number): User | null {
  return findEntry(text, who, parseUser, ({ uid }) => uid);
}

/** The group of this name or number in the text of /etc/group, or null. */
export function findGroup(text: string, who: string | number): Group | null {
  return findEntry(text, who, parseGroup, ({ gid }) => gid);
}

/** What a program runs as. */
export interface Identity {
  readonly uid: number;
  /** The first is the group, all together are the supplementary groups. */
  readonly gids: readonly number[];
}

/** Who is to be looked up. */
export interface Names {
  readonly user: string;
  /** None: the user's own. */
  readonly groups: readonly string[];
}

/**
 * What an option names: numbers behind a colon, names otherwise; null for what behind a colon are
 * no numbers, a number alone, or more groups than groupsMax. A number that is missing is 0.
 */
export function parseIdentity(text: string): Identity | Names | null {
  if (text[0] !== ":") {
    const [user = "", ...groups] = text.split(":");
    return { user, groups };
  }
  const [uid = null, ...gids] = text
    .slice(1)
    .split(":")
    .map((number) => (number === "" ? 0 : idOf(number)));
  const known = gids.filter((gid) => gid !== null);
  if (uid === null || gids.length === 0 || known.length < gids.length) return null;
  return known.length > groupsMax ? null : { uid, gids: known };
}
