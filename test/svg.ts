// What the tests of `trinit bootchart` look at: its picture, as a real parser of XML reads it.
import { execaSync } from "execa";

export interface DrawnRow {
  /** What hovering shows: the name, and the text beside the bars. */
  readonly title: string;
  readonly texts: readonly string[];
  /** The looks of its bars, and where they begin and end. */
  readonly bars: readonly { readonly look: string; readonly from: number; readonly to: number }[];
}

export interface Drawn {
  readonly title: string;
  readonly texts: readonly string[];
  readonly rows: readonly DrawnRow[];
}

const reader = `
import json, sys, xml.etree.ElementTree as tree
svg = "{http://www.w3.org/2000/svg}"
root = tree.parse(sys.stdin.buffer).getroot()
text = lambda node: "".join(node.itertext())
bar = lambda node: {"look": node.get("class"), "from": float(node.get("x")),
    "to": float(node.get("x")) + float(node.get("width"))}
row = lambda node: {"title": text(node.find(svg + "title")),
    "texts": [text(one) for one in node.findall(svg + "text")],
    "bars": [bar(one) for one in node.findall(svg + "rect")]}
print(json.dumps({"title": text(root.find(svg + "title")),
    "texts": [text(one) for one in root.findall(svg + "text")],
    "rows": [row(one) for one in root.findall(svg + "g")]}))
`;

/** Throws where the bytes, in latin1, are no XML. */
export function readSvg(bytes: string): Drawn {
  const { stdout } = execaSync("python3", ["-c", reader], { input: Buffer.from(bytes, "latin1") });
  return JSON.parse(stdout);
}

/** The row of that name. */
export function rowOf(drawn: Drawn, name: string): DrawnRow {
  const row = drawn.rows.find(({ texts }) => texts[0] === name);
  if (row === undefined) throw new Error(`no row ${name} in ${JSON.stringify(drawn)}`);
  return row;
}
