// What a shadow is made of, from a listing of what is there.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Own,
  planShadow,
  type Shadowed,
  type Step,
  shadowMark,
  shadowPlaces,
} from "../../src/core/shadow.ts";

function own(kind: Own["kind"], entries: string, inner: Record<string, Own> = {}): Own {
  const more = { entries: entries.split(" "), inner: new Map(Object.entries(inner)) };
  return { kind, mode: 0o755, owner: [7, 8], ...more };
}

function service(key: string, entries: string, inner: Record<string, Own> = {}): Shadowed {
  return { ...own("service", entries, inner), key };
}

/** `web/ 755`, `web/run -> /s/web/run`. */
function lineOf(step: Step): string {
  return step.kind === "link"
    ? `${step.path} -> ${step.target}`
    : `${step.path}/ ${step.mode.toString(8)}${step.owner === null ? "" : ` of ${step.owner}`}`;
}

function planned(listing: string, services: Record<string, Shadowed>): string[] {
  return planShadow("/s", listing.split(" "), new Map(Object.entries(services))).map(lineOf);
}

test("shadowPlaces() has TMPDIR, or /tmp, second", () => {
  assert.deepEqual(shadowPlaces("/a"), ["/run/service", "/a/service", "/dev/shm/service"]);
  for (const none of [null, "", "relative"]) assert.equal(shadowPlaces(none)[1], "/tmp/service");
});

test("everything is a link but supervise, which runsv makes", () => {
  const lines = planned("web", { web: service("1", "run supervise .env") });
  assert.deepEqual(lines, ["web/ 755", "web/run -> /s/web/run", "web/.env -> /s/web/.env"]);
});

test("a log is made with what it has, but supervise", () => {
  const log = own("log", "run supervise main");
  assert.deepEqual(planned("web", { web: service("1", "log", { log }) }), [
    "web/ 755",
    "web/log/ 755",
    "web/log/run -> /s/web/log/run",
    "web/log/main -> /s/web/log/main",
  ]);
});

test("of a log that cannot be written the config is kept, and whose it is", () => {
  const main = own("main", "current config lock state");
  const log = own("log", "main", { main });
  assert.deepEqual(planned("web", { web: service("1", "log", { log }) }).slice(2), [
    "web/log/main/ 755 of 7,8",
    "web/log/main/config -> /s/web/log/main/config",
  ]);
});

test("the owner may write, nobody else", () => {
  for (const [mode, made] of [
    [0o555, "755"],
    [0o777, "755"],
    [0o500, "700"],
    [0o3770, "750"],
  ] as const) {
    assert.deepEqual(planned("web", { web: { ...service("1", "supervise"), mode } }), [
      `web/ ${made}`,
    ]);
  }
});

test("the first name of a directory is the service, as runsvdir has it", () => {
  const same = service("1", "supervise");
  assert.deepEqual(planned("b a", { a: same, b: same }), ["a/ 755", "b -> a"]);
});

test("what is no service is a link, and no other shadow's mark is taken over", () => {
  assert.deepEqual(planned(`file .git ${shadowMark}`, {}), ["file -> /s/file", ".git -> /s/.git"]);
});
