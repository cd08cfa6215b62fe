// A chart of rows as an SVG: names at the left, a scale above, bars with their text, a legend.
// Fonts differ, so widths are estimated; colours follow the reader's, light or dark.
import type { Bar, Chart, Look, Row } from "./bootchart.ts";
import { characterAt } from "./json.ts";
import type { Millis } from "./time.ts";

const width = 1000;
const margin = 16;
const rowHeight = 20;
const barHeight = 13;
const logHeight = 3;
/** Of a character of the names and texts, in pixels. */
const characterWidth = 6.3;
const nameCharactersMax = 32;
const headHeight = 80;
/** The room behind the last moment, of all. */
const afterEnd = 0.04;
const ticksMax = 12;

/** What is drawn in a bar is white, light or dark. */
const style = `text{font:11px system-ui,"DejaVu Sans",sans-serif;fill:#1f2630}
.title{font-size:17px;font-weight:600}.before{text-anchor:end}.tick{text-anchor:middle}
.note,.before,.tick{fill:#586270}.paper{fill:#fff}.grid{stroke:#e4e8ec}
.kernel{fill:#6e7783}.stage{fill:#3f6cb5}.part{fill:#7ca0d8}.wait{fill:#c3cad2}.run{fill:#2f7d4f}
.done{fill:#1b7f8c}.failed{fill:#b8433f}.log{fill:#c08a2d}.unsure{fill:url(#trinit-unsure)}
@media(prefers-color-scheme:dark){text{fill:#dbe1e8}.note,.before,.tick{fill:#9aa5b1}
.paper{fill:#15191f}.grid{stroke:#2b323b}.wait{fill:#4a545f}}
text.in{fill:#fff}`;

/** What is not known is hatched. */
const hatch =
  '<defs><pattern id="trinit-unsure" width="6" height="6" patternUnits="userSpaceOnUse">' +
  '<path fill="#747d88" d="M0 0H6V6H0z"/><path stroke="#8f98a3" stroke-width="1.5"' +
  ' d="M-1 1L1 -1M0 6L6 0M5 7L7 5"/></pattern></defs>';

// --- Text ----------------------------------------------------------------------------------

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** The characters of a byte string as XML has them; what is no character of UTF-8, or none that
 * XML has, is shown as \xHH. */
function xmlCharacters(bytes: string): readonly string[] {
  const all: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = characterAt(bytes, at);
    const one = bytes.slice(at, at + Math.max(1, length));
    const isNone = length === 0 || one < " " || one === "\x7f";
    if (isNone || one === "\xef\xbf\xbe" || one === "\xef\xbf\xbf") {
      all.push(`\\x${bytes.charCodeAt(at).toString(16).padStart(2, "0")}`);
      at++;
    } else {
      all.push(entities[one] ?? one);
      at += length;
    }
  }
  return all;
}

function xml(bytes: string): string {
  return xmlCharacters(bytes).join("");
}

/** At most so many characters, with what stands for the rest. */
function shortened(bytes: string, max: number): string {
  const all = xmlCharacters(bytes);
  return all.length <= max ? all.join("") : `${all.slice(0, max - 1).join("")}&#8230;`;
}

/** A coordinate: tenths of a pixel are enough. */
function at(pixels: number): string {
  return `${Math.round(pixels * 10) / 10}`;
}

function textAt(x: number, y: number, look: string, text: string): string {
  return `<text class="${look}" x="${at(x)}" y="${at(y)}">${text}</text>`;
}

function rectangle(x: number, y: number, wide: number, high: number, look: string): string {
  const size = `width="${at(Math.max(wide, 1.5))}" height="${at(high)}"`;
  return `<rect class="${look}" x="${at(x)}" y="${at(y)}" ${size} rx="1.5"/>`;
}

// --- The scale -----------------------------------------------------------------------------

/** Where a moment is. */
type Scale = (moment: Millis) => number;

const right = width - margin;

function leftOf({ rows }: Chart): number {
  const lengths = rows.map(({ name, bars }) => xmlCharacters(name).length + indentOf(bars));
  return margin + Math.min(Math.max(6, ...lengths), nameCharactersMax) * characterWidth + 12;
}

/** Of the name, in characters. */
function indentOf(bars: readonly Bar[]): number {
  return bars[0]?.look === "part" ? 2 : 0;
}

/** 1, 2 or 5 times a power of ten: the smallest that makes few enough ticks. */
function tickStep(span: Millis): Millis {
  for (let power = 1; ; power *= 10) {
    for (const factor of [1, 2, 5]) if (span / (factor * power) <= ticksMax) return factor * power;
  }
}

function drawTicks(x: Scale, origin: Millis, span: Millis, bottom: number): string {
  const step = tickStep(span);
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  let drawn = "";
  for (let moment = 0; moment <= span; moment += step) {
    const place = x(origin + moment);
    drawn += `<path class="grid" d="M${at(place)} ${headHeight - 8}V${bottom}"/>`;
    drawn += textAt(place, headHeight - 13, "tick", `${(moment / 1000).toFixed(digits)} s`);
  }
  return drawn;
}

// --- Rows ----------------------------------------------------------------------------------

function drawBar({ look, from, to }: Bar, x: Scale, y: number, high: number): string {
  const begin = x(from);
  return begin > right ? "" : rectangle(begin, y, ends(to, x) - begin, high, look);
}

function ends(to: Millis | null, x: Scale): number {
  return to === null ? right : Math.min(x(to), right);
}

/** The text stands behind the bars, in the last one, or before them: where there is room. */
function drawText({ bars, text }: Row, x: Scale, y: number, left: number): string {
  const last = bars.filter(({ from }) => x(from) <= right).at(-1);
  const [begin, end] = last === undefined ? [left, left] : [x(last.from), ends(last.to, x)];
  const room = text.length * characterWidth + 10;
  if (end + room <= right) return textAt(end + 5, y, "note", xml(text));
  if (end - begin >= room) return textAt(begin + 5, y, "in", xml(text));
  const first = x(bars[0]?.from ?? 0);
  if (first - room >= left) return textAt(first - 5, y, "before", xml(text));
  return textAt(begin - 5, y, "before in", xml(text)); // in what was before
}

function drawRow(row: Row, x: Scale, top: number, left: number): string {
  const { name, bars, log, text } = row;
  const indent = indentOf(bars);
  const shown = shortened(name, nameCharactersMax - indent);
  const drawn = bars.map((bar) => drawBar(bar, x, top + 2, barHeight)).join("");
  return (
    `<g><title>${xml(name)}: ${xml(text)}</title>` +
    textAt(margin + indent * characterWidth, top + 13, "name", shown) +
    drawn +
    (log === null ? "" : drawBar(log, x, top + 2 + barHeight, logHeight)) +
    `${drawText(row, x, top + 13, left)}</g>`
  );
}

// --- The whole -----------------------------------------------------------------------------

const legend: readonly (readonly [Look, string])[] = [
  ["wait", "runsv, no run yet"],
  ["run", "runs"],
  ["done", "has ended"],
  ["failed", "has failed"],
  ["unsure", "not known"],
  ["log", "its log"],
];

function drawLegend(y: number): string {
  return legend
    .map(([look, text], index) => {
      const x = margin + index * 145;
      const high = look === "log" ? logHeight : barHeight;
      return rectangle(x, y - high / 2, 18, high, look) + textAt(x + 24, y + 4, "note", text);
    })
    .join("");
}

/** The picture, which ends with a newline. Texts are bytes, whatever they are. */
export function drawChart(chart: Chart, title: string, subtitle: string): string {
  const { rows, origin, end } = chart;
  const span = Math.max(end - origin, 1) * (1 + afterEnd);
  const left = leftOf(chart);
  const x: Scale = (moment) => left + ((right - left) * (moment - origin)) / span;
  const bottom = headHeight + rows.length * rowHeight;
  const height = bottom + 34;
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${xml(title)}</title>
<style>${style}</style>
${hatch}
<rect class="paper" width="${width}" height="${height}" rx="6"/>
${textAt(margin, 28, "title", shortened(title, 90))}
${textAt(margin, 46, "note", shortened(subtitle, 140))}
${drawTicks(x, origin, span, bottom + 4)}
${rows.map((row, index) => drawRow(row, x, headHeight + index * rowHeight, left)).join("\n")}
${drawLegend(bottom + 20)}
</svg>
`;
}
