// What runsvdir -o makes of the lines of a service: the format's name, and what stands before and
// behind the text of a line. Pure; programs/relay.ts does it.
import { jsonText } from "./json.ts";
import { labelText, type Stamp, utcText } from "./time.ts";

/** How the output of services comes out. */
export interface Format {
  readonly log: "plain" | "prefix" | "json";
  readonly stamp: "none" | "tai" | "utc" | "iso";
}

export const logs: readonly string[] = ["plain", "prefix", "json"];
export const stamps: readonly string[] = ["none", "tai", "utc", "iso"];

/** The format that is written LOG or LOG,STAMP; null: there is none. */
export function parseFormat(text: string): Format | null {
  const [log = "", stamp = "none", ...more] = text.split(",");
  if (more.length > 0 || !logs.includes(log) || !stamps.includes(stamp)) return null;
  return { log, stamp } as Format;
}

/** A name as it stands in a line: whatever bytes it has, it is one line. */
function shown(name: string): string {
  let text = "";
  for (const byte of name) text += byte < " " || byte === "\x7f" ? "?" : byte;
  return text;
}

/** svlogd's stamps; in JSON one that every reader of JSON knows, unless another is asked for. */
function stampText({ log, stamp }: Format, time: Stamp): string {
  if (stamp === "tai") return labelText(time);
  if (stamp === "utc") return utcText(time, "_");
  if (log === "json") return `${utcText(time, "T")}Z`;
  return stamp === "iso" ? utcText(time, "T") : "";
}

/** Where a line comes from. */
export interface Source {
  readonly service: string;
  readonly stream: "stdout" | "stderr";
  /** It goes on with a line that was too long to be held back. */
  readonly continued: boolean;
}

/** What stands before the text of a line. */
export function lineHead(format: Format, { service, stream, continued }: Source, time: Stamp) {
  const stamp = stampText(format, time);
  if (format.log === "prefix") {
    return `${shown(service)} ${continued ? "+" : "|"} ${stamp === "" ? "" : `${stamp} | `}`;
  }
  const members = continued ? { service, stream, continued } : { service, stream };
  return `${jsonText({ time: stamp, ...members }).slice(0, -1)},"text":"`;
}

/** How many of the last of these bytes begin a character of UTF-8 that does not end there. */
export function unfinished(bytes: Uint8Array, size: number): number {
  for (let count = 1; count <= 3; count++) {
    const byte = bytes[size - count] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return count < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? count : 0;
  }
  return 0;
}

/** What ends a line of JSON. */
export const jsonTail = '"}\n';
