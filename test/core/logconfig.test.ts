import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig, parseConfig } from "../../src/core/logconfig.ts";

function configOf(text: string) {
  const { config, complaints } = parseConfig(text, "log");
  assert.deepEqual(complaints, []);
  return config;
}

test("an empty config is the default", () => {
  for (const text of ["", "\n\n", "# s1\n#\n", "p\n!\n"]) {
    assert.deepEqual(configOf(text), defaultConfig);
  }
});

test("a config sets size, numbers, age and prefix", () => {
  assert.deepEqual(configOf("s20000\nn3\nN1\nt60\npweb: "), {
    ...defaultConfig,
    sizeMaxBytes: 20000,
    keepMax: 3,
    keepMin: 1,
    ageMaxMs: 60000,
    prefix: "web: ",
  });
});

test("sizes and ages have units", () => {
  assert.equal(configOf("s4k").sizeMaxBytes, 4096);
  assert.equal(configOf("s2m\n").sizeMaxBytes, 2097152);
  assert.equal(configOf("t5m").ageMaxMs, 300000);
  assert.equal(configOf("t2h").ageMaxMs, 7200000);
});

test("the last line of a kind counts, but one without a value is none", () => {
  assert.equal(configOf("n3\nn4\n").keepMax, 4);
  assert.equal(configOf("pA\np\n").prefix, "A");
  assert.equal(configOf("!cat\n!\n").processor, "cat");
});

test("rules stay in their order, and end at a NUL", () => {
  assert.deepEqual(configOf("-*\n+a*\0b\ne\nEx").rules, [
    { kind: "-", pattern: "*" },
    { kind: "+", pattern: "a*" },
    { kind: "e", pattern: "" },
    { kind: "E", pattern: "x" },
  ]);
});

test("an address has four numbers, and the port of syslog unless it says another", () => {
  const ip = 10 * 2 ** 24 + 258;
  assert.deepEqual(configOf("u10.0.1.2").address, { ip, port: 514, only: false });
  assert.deepEqual(configOf("U10.0.1.2:99").address, { ip, port: 99, only: true });
  assert.equal(configOf("u255.255.255.255").address?.ip, 2 ** 32 - 1);
});

test("an address that is none is complained about in runit's words", () => {
  for (const text of ["", "1.2.3", "1.2.3.4.5", "300.1.1.1", "a", "1.2.3.4x", "1..2.3"]) {
    const { config, complaints } = parseConfig(`U${text}`, "log");
    assert.deepEqual([config, complaints], [defaultConfig, [`unable to scan ip address: ${text}`]]);
  }
  for (const text of ["", "0", "x", "65536"]) {
    const { config, complaints } = parseConfig(`u1.2.3.4:${text}`, "log");
    const expected = [`unable to scan port number: ${text}`];
    assert.deepEqual([config, complaints], [defaultConfig, expected]);
  }
});

test("a number with something behind it counts, and that is said", () => {
  for (const [line, taken, key, value] of [
    ["s5x", "s5", "sizeMaxBytes", 5],
    ["s1kk", "s1k", "sizeMaxBytes", 1024],
    ["n2 # two", "n2", "keepMax", 2],
    ["t1d", "t1", "ageMaxMs", 1000],
  ] as const) {
    const { config, complaints } = parseConfig(line, "log");
    assert.deepEqual(config, { ...defaultConfig, [key]: value });
    assert.deepEqual(complaints, [`log: "${line}" in config is taken as "${taken}"`]);
  }
  assert.equal(configOf("n2 \r\n").keepMax, 2);
});

test("a line that has no effect is complained about by name, and the others count", () => {
  const lines = ["sabc", "s", "s-1", "n", "hello", " s5", "S5", `p${"x".repeat(1001)}`];
  for (const line of lines) {
    const { config, complaints } = parseConfig(`n7\n${line}\n`, "log");
    assert.equal(complaints.length, 1, line);
    assert.ok(complaints[0]?.startsWith(`log: "${line}" in config is `), complaints[0]);
    assert.deepEqual(config, { ...defaultConfig, keepMax: 7 });
  }
});

test("no old file goes by a line that is not understood", () => {
  for (const text of ["nfifty", "n", "n-5", "n36k", "n1O0", "\xef\xbb\xbfn36", " n36", "keep 36"]) {
    const { config, complaints } = parseConfig(`s5000\n${text}\n`, "log");
    assert.deepEqual([config.keepMax, config.sizeMaxBytes], [0, 5000], text);
    assert.deepEqual(complaints, [`log: "${text}" in config is not understood`]);
    assert.equal(parseConfig(`${text}\nn7`, "log").config.keepMax, 7, text); // a line says it
  }
  assert.equal(parseConfig("sabc", "log").config.keepMax, defaultConfig.keepMax);
  for (const text of ["N", "Nabc", "N1O"]) {
    const { config, complaints } = parseConfig(`n20\n${text}\n`, "log");
    assert.ok(config.keepMin > config.keepMax, text);
    assert.equal(complaints.length, 1);
  }
});
