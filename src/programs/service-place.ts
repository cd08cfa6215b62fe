// Where the services are that run, for who was not told by SVDIR: in the first of the places that
// systems have, or in the link farm that stands for it where it cannot be written to.
import { servicesDirectory, servicesPlaces } from "../core/scan.ts";
import { shadowPlaces } from "../core/shadow.ts";
import { liveShadowOf } from "./shadow-files.ts";

/** The directory of services without SVDIR. A link farm counts while a runsv runs in it. */
export function findServices(): string {
  const place = servicesPlaces.find((path) => typeof sys.stat(path) !== "number");
  for (const shadow of shadowPlaces(sys.getenv("TMPDIR"))) {
    const source = liveShadowOf(shadow);
    if (source !== null && (place === undefined || source === place)) return shadow;
  }
  return place ?? servicesDirectory;
}
