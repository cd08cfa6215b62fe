// The shadow of a service directory that cannot be written: a tree of directories of our own in
// which everything is a link, but what has to be written. Pure: it says what is to be made, and
// programs/shadow-files.ts looks at what is there and makes it.
import { serviceNames } from "./scan.ts";

/** In every shadow: what it is the shadow of. A directory without is none of ours. */
export const shadowMark = ".shadow";

export type Owner = readonly [uid: number, gid: number];

/** A directory that the shadow has itself. */
export interface Own {
  readonly kind: "service" | "log" | "main";
  readonly mode: number;
  /** Its user and group. */
  readonly owner: Owner;
  readonly entries: readonly string[];
  /** Those of the entries that the shadow has itself, too, by their names. */
  readonly inner: ReadonlyMap<string, Own>;
}

/** A service directory, and its device and inode: what makes it itself. */
export interface Shadowed extends Own {
  readonly key: string;
}

/** One thing to be made; the path is from the shadow on. */
export type Step =
  | {
      readonly kind: "directory";
      readonly path: string;
      readonly mode: number;
      /** Null: who makes it. */
      readonly owner: Owner | null;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** Where a shadow may be, the best place first. */
export function shadowPlaces(tmpdir: string | null): readonly string[] {
  const temporary = tmpdir?.startsWith("/") ? tmpdir : "/tmp";
  return ["/run", temporary, "/dev/shm"].map((parent) => `${parent}/service`);
}

/** Its owner may write, whoever else could read and search still can: services become users. */
function ownMode(mode: number): number {
  return (mode & 0o755) | 0o700;
}

/** A log that cannot be written is written anew, by the old one's rules. */
function isLinked(kind: Own["kind"], name: string): boolean {
  return kind === "main" ? name === "config" : name !== "supervise";
}

function stepsOf(source: string, path: string, own: Own): readonly Step[] {
  const owner = own.kind === "main" ? own.owner : null; // the logger becomes that user
  const steps: Step[] = [{ kind: "directory", path, mode: ownMode(own.mode), owner }];
  for (const name of own.entries) {
    if (!isLinked(own.kind, name)) continue;
    const inner = own.inner.get(name);
    const at = `${path}/${name}`;
    if (inner !== undefined) steps.push(...stepsOf(source, at, inner));
    else steps.push({ kind: "link", path: at, target: `${source}/${at}` });
  }
  return steps;
}

/** Everything to be made, in this order. `source` is an absolute path, `listing` what it holds,
 * `services` those of that which are services and can be read. The rest is linked as it is: a
 * script may want a file beside its directory, and who scans the shadow complains as he did. */
export function planShadow(
  source: string,
  listing: readonly string[],
  services: ReadonlyMap<string, Shadowed>,
): readonly Step[] {
  const steps: Step[] = [];
  const first = new Map<string, string>();
  const others = listing.filter((name) => name[0] === "." && name !== shadowMark);
  for (const name of [...serviceNames(listing), ...others]) {
    const service = services.get(name);
    const same = service && first.get(service.key);
    if (service === undefined) {
      steps.push({ kind: "link", path: name, target: `${source}/${name}` });
    } else if (same !== undefined) {
      steps.push({ kind: "link", path: name, target: same }); // one directory is one service
    } else {
      first.set(service.key, name);
      steps.push(...stepsOf(source, name, service));
    }
  }
  return steps;
}
