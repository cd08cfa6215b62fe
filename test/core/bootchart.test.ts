// The rows of a boot, and the picture of them: one small whole in test/golden, and what is said of
// every kind of service.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  type Boot,
  type Chart,
  chartOf,
  durationText,
  type Row,
  type Service,
} from "../../src/core/bootchart.ts";
import { drawChart } from "../../src/core/bootchart-svg.ts";
import { readSvg, rowOf } from "../svg.ts";

const golden = path.resolve(import.meta.dirname, "../golden/bootchart.svg");
const never = { exit: null, restarts: 0 };

/** A service that runs from 2.1 s on, unless told otherwise. */
function service(name: string, more: Partial<Service> = {}): Service {
  const known = { supervised: 2000, started: 2100, ended: null, state: "run" } as const;
  return { name, log: null, isLeft: false, isOver: false, ends: never, ...known, ...more };
}

function boot(services: readonly Service[], more: Partial<Boot> = {}): Boot {
  const parts = [
    { name: "10-pseudofs", from: 900, to: 1400 },
    { name: "40-root", from: 1400, to: 1900 },
  ];
  return { kind: "machine", origin: 0, parts, runsvdir: 1910, services, ...more };
}

function rowNamed({ rows }: Chart, name: string): Row {
  const row = rows.find((one) => one.name === name);
  assert.ok(row, name);
  return row;
}

/** The row of one service, in a boot with nothing else in it. */
function rowOfOne(more: Partial<Service>): Row {
  return rowNamed(chartOf(boot([service("web", more)])), "web");
}

function drawn(services: readonly Service[]) {
  return readSvg(drawChart(chartOf(boot(services)), "host", "a machine"));
}

const failed = { exit: { code: 7, status: 0 }, restarts: 0 };
const log = service("log", { started: 2110 });

test("the picture of a boot is the one in test/golden", () => {
  const chart = chartOf(
    boot([
      service("getty_ttyS0", { started: 2150 }),
      service("web", { log }),
      service("fw", {
        state: "down",
        ended: 2600,
        ends: { ...never, exit: { code: 0, status: 0 } },
      }),
      service("bad", { state: "down", ended: 2300, ends: failed }),
      service("flaky", { started: 4100, ends: { ...failed, restarts: 2 } }),
      service("spare", { supervised: 2010, started: null, state: "down" }),
      service("ntp & co", { supervised: null, started: null, state: null }),
    ]),
  );
  const svg = drawChart(chart, `host: ${chart.up}`, chart.login);
  readSvg(svg);
  if (process.env.UPDATE_GOLDEN !== undefined) fs.writeFileSync(golden, svg, "latin1");
  assert.equal(svg, fs.readFileSync(golden, "latin1"), "UPDATE_GOLDEN=1 writes the new one");
});

test("a machine's rows begin with the kernel, stage 1 and its parts", () => {
  const { rows } = chartOf(boot([]));
  assert.deepEqual(
    rows.map(({ name, bars: [bar] }) => [name, bar?.from, bar?.to]),
    [
      ["kernel", 0, 900],
      ["stage 1", 900, 1900],
      ["10-pseudofs", 900, 1400],
      ["40-root", 1400, 1900],
      ["stage 2: runsvdir", 1900, null],
    ],
  );
});

test("a machine whose stage 1 writes nothing down does not tell it from the kernel", () => {
  const { rows } = chartOf(boot([], { parts: [] }));
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["kernel, stage 1", "stage 2: runsvdir"],
  );
});

test("a container's moments count from process 1", () => {
  const container = boot([service("web")], { kind: "container", origin: 500, parts: [] });
  const chart = chartOf(container);
  assert.deepEqual(
    chart.rows.map(({ name }) => name),
    ["stage 1", "stage 2: runsvdir", "web"],
  );
  assert.equal(rowNamed(chart, "web").text, "at 1.60 s");
  assert.equal(chart.up, "up after 1.60 s");
});

test("a tree of its own has no stages", () => {
  const tree = boot([service("web")], { kind: "tree", origin: 1910, parts: [] });
  assert.deepEqual(
    chartOf(tree).rows.map(({ name }) => name),
    ["runsvdir", "web"],
  );
});

test("services stand in the order in which they were begun", () => {
  const late = service("a", { supervised: 2050 });
  const unknown = service("b", { supervised: null, started: null });
  const { rows } = chartOf(boot([late, unknown, service("c")]));
  assert.deepEqual(
    rows.slice(-3).map(({ name }) => name),
    ["c", "a", "b"],
  );
});

test("a service waits from its runsv's start to its own, and then runs", () => {
  assert.deepEqual(rowOfOne({}).bars, [
    { look: "wait", from: 2000, to: 2100 },
    { look: "run", from: 2100, to: null },
  ]);
});

test("a service that a later runsv has taken over does not wait", () => {
  assert.deepEqual(rowOfOne({ supervised: 5000 }).bars, [{ look: "run", from: 2100, to: null }]);
});

test("what has ended says how long it took, and how, where that was no success", () => {
  const done = { state: "down", ended: 2600, ends: { exit: { code: 0, status: 0 }, restarts: 0 } };
  assert.equal(rowOfOne(done as Partial<Service>).text, "at 2.10 s, took 500 ms");
  assert.equal(rowOfOne(done as Partial<Service>).bars.at(-1)?.look, "done");
  const bad = rowOfOne({ state: "down", ended: 2600, ends: failed });
  assert.deepEqual([bad.text, bad.bars.at(-1)?.look], ["at 2.10 s, took 500 ms, exit 7", "failed"]);
  const ends = { exit: { code: -1, status: 9 + 128 }, restarts: 0 };
  const killed = rowOfOne({ state: "down", ended: 2600, ends });
  assert.equal(killed.text, "at 2.10 s, took 500 ms, signal 9");
});

test("what ended by TERM was told to", () => {
  const ends = { exit: { code: -1, status: 15 }, restarts: 0 };
  const { text, bars } = rowOfOne({ state: "down", ended: 2600, ends });
  assert.deepEqual([text, bars.at(-1)?.look], ["at 2.10 s, took 500 ms", "done"]);
});

test("an end that nobody knows is not drawn", () => {
  const { bars, text } = rowOfOne({ state: "down" });
  assert.deepEqual(bars.at(-1), { look: "unsure", from: 2100, to: null });
  assert.equal(text, "at 2.10 s, has ended");
});

test("of what was started again, only the last start is known", () => {
  const { bars, text } = rowOfOne({ started: 5000, ends: { exit: null, restarts: 3 } });
  assert.deepEqual(bars[0], { look: "unsure", from: 2000, to: 5000 });
  assert.equal(text, "last at 5.00 s, restarted 3 times");
});

test("a service that is down is a mark where its runsv began", () => {
  const { bars, text } = rowOfOne({ started: null, state: "down" });
  assert.deepEqual([bars, text], [[{ look: "wait", from: 2000, to: 2000 }], "down"]);
});

test("a service whose runsv has gone says so", () => {
  assert.equal(rowOfOne({ isLeft: true }).text, "at 2.10 s, runsv not running");
});

test("a boot ends where nothing happens for a while, and not with a restart", () => {
  const week = 7 * 86_400_000;
  const again = service("flaky", { started: 9000, ends: { exit: null, restarts: 1 } });
  const added = service("new", { supervised: week, started: week });
  const chart = chartOf(boot([service("web"), again, added]));
  assert.equal(chart.end, 2100);
  assert.equal(chart.up, "up after 2.10 s");
  assert.equal(rowNamed(chart, "new").text, "at 7 d");
});

test("what was started twice to do its work is within the boot", () => {
  const again = { started: 4000, ended: 4500, state: "down", isOver: true } as const;
  const fw = service("fw", { ...again, ends: { exit: { code: 0, status: 0 }, restarts: 1 } });
  const chart = chartOf(boot([fw]));
  assert.equal(chart.end, 4500);
  assert.equal(rowNamed(chart, "fw").text, "last at 4.00 s, took 500 ms, restarted once");
});

test("a boot without services ends with stage 1", () => {
  assert.equal(chartOf(boot([], { runsvdir: null })).end, 1900);
});

test("a log that begins last is within the boot", () => {
  const late = { ...log, started: 2200 };
  assert.equal(chartOf(boot([service("web", { log: late })])).end, 2200);
});

test("what begins after the boot is told, and not drawn", () => {
  const added = service("new", { supervised: 90_000, started: 90_010 });
  const row = rowOf(drawn([service("web"), added]), "new");
  assert.deepEqual([row.bars, row.texts], [[], ["new", "at 1 min"]]);
});

test("a boot may take its time before stage 2", () => {
  const slow = [{ name: "40-root", from: 1000, to: 600_000 }];
  const late = service("web", { supervised: 600_010, started: 600_020 });
  assert.equal(chartOf(boot([late], { parts: slow, runsvdir: 600_000 })).end, 600_020);
});

test("the login is the first getty's start", () => {
  const gettys = [service("getty_tty1", { started: 2300 }), service("getty_ttyS0")];
  assert.equal(chartOf(boot(gettys)).login, "login (getty_ttyS0) after 2.10 s");
  assert.equal(chartOf(boot([])).login, "");
});

test("a name is valid XML, whatever its bytes", () => {
  const every = Array.from({ length: 255 }, (_, byte) => String.fromCharCode(byte + 1));
  const names = [
    ...every,
    "<b>&\"'",
    "caf\xc3\xa9",
    "\xef\xbf\xbe",
    "\xed\xa0\x80",
    "]]>",
    "\xff\xfe",
  ];
  const { rows } = drawn(names.map((name) => service(name)));
  assert.equal(rows.length, 5 + names.length);
  const titles = rows.map(({ title }) => title.replace(": at 2.10 s", ""));
  assert.deepEqual(titles.slice(-6), [
    "<b>&\"'",
    "caf\u00e9",
    "\\xef\\xbf\\xbe",
    "\\xed\\xa0\\x80",
    "]]>",
    "\\xff\\xfe",
  ]);
  assert.equal(titles[5 + 6], "\\x07");
});

test("a long name is cut where it is drawn, and whole where it is pointed at", () => {
  const name = "\xc3\xa9".repeat(200);
  const row = drawn([service(name)]).rows.at(-1);
  assert.equal(row?.texts[0], `${"\u00e9".repeat(31)}\u2026`);
  assert.equal(row?.title, `${"\u00e9".repeat(200)}: at 2.10 s`);
});

test("no bar is drawn out of the picture", () => {
  const starts = [2001, 2100, 5000, 20_000, 31_000];
  const texts = starts.map((started) => service(`s${started}`, { started, log }));
  for (const { bars } of drawn(texts).rows) {
    for (const { from, to } of bars) assert.ok(from > 0 && to <= 1000 && to > from);
  }
});

test("the text stands where there is room: behind, in, before", () => {
  const early = {
    supervised: 1950,
    started: 1960,
    state: "down",
    ended: 1970,
    ends: failed,
  } as const;
  const late = { ...early, supervised: 3880, started: 3890, ended: 3900 };
  const svg = drawChart(
    chartOf(boot([service("in"), service("behind", early), service("before", late)])),
    "host",
    "",
  );
  const lookOf = (name: string): string | undefined =>
    new RegExp(`>${name}</text>.*<text class="([a-z ]+)"`).exec(svg)?.[1];
  assert.deepEqual(["behind", "in", "before"].map(lookOf), ["note", "in", "before"]);
});

test("durations have the unit that is read best", () => {
  const texts = [0, 999, 1000, 59_990, 60_000, 7_200_000, 172_800_000].map(durationText);
  assert.deepEqual(texts, ["0 ms", "999 ms", "1.00 s", "59.99 s", "1 min", "2 h", "2 d"]);
});
