// /etc/passwd, /etc/group and how users are named in an option.
// Differs, names: these files are all that is asked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findGroup, findUser, parseIdentity } from "../../src/core/users.ts";

const passwd = `root:x:0:0:root:/root:/bin/bash
\tweb:*:33:34:Web,,,:/srv:/bin/false
garbage
:x:9:9:::
half:x:9
# games:x:5:60:::
+nis:x:5:5:::
twice:x:x:1:::
twice:x:7:8:::
max:x:4294967295:4294967294:::
big:x:4294967296:0:::
last:x:12:13`;

const root = {
  name: "root",
  passwd: "x",
  uid: 0,
  gid: 0,
  gecos: "root",
  shell: "/bin/bash",
  dir: "/root",
};

test("a user is found by name and by number", () => {
  assert.deepEqual(findUser(passwd, "root"), root);
  assert.deepEqual(findUser(passwd, 0), root);
  assert.equal(findUser(passwd, "web")?.gecos, "Web,,,");
  assert.equal(findUser(passwd, 33)?.name, "web");
  assert.equal(findUser(passwd, "max")?.uid, 4294967295);
});

test("lines that are none are skipped", () => {
  for (const name of [
    "",
    "garbage",
    "half",
    "# games",
    "games",
    "+nis",
    "nis",
    "big",
    "0",
    "roo",
  ]) {
    assert.equal(findUser(passwd, name), null, name);
  }
  assert.equal(findUser(passwd, 9), null);
  assert.equal(findUser(passwd, "twice")?.uid, 7);
});

test("the last line needs no end, and the last fields may be missing", () => {
  const last = { name: "last", passwd: "x", uid: 12, gid: 13, gecos: "", shell: "", dir: "" };
  assert.deepEqual(findUser(passwd, "last"), last);
  assert.equal(findUser("", "last"), null);
});

test("a group has members", () => {
  const text = "root:x:0:\nadm::4:a,b,,c\naudio:x:29\nbad:x:-1:a\n";
  assert.deepEqual(findGroup(text, "root"), { name: "root", passwd: "x", gid: 0, members: [] });
  const adm = { name: "adm", passwd: "", gid: 4, members: ["a", "b", "c"] };
  assert.deepEqual(findGroup(text, "adm"), adm);
  assert.deepEqual(findGroup(text, 4), adm);
  assert.deepEqual(findGroup(text, "audio")?.members, []);
  assert.equal(findGroup(text, "bad"), null);
});

test("any byte may be in a line", () => {
  for (let byte = 1; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const text = `${character}\nx:${character}:1:2:::\nlast:x:3:3:::\n`;
    assert.equal(findUser(text, "last")?.uid, 3);
  }
});

test("a colon in front makes numbers of what is named", () => {
  for (const [text, identity] of [
    [":1:2", { uid: 1, gids: [2] }],
    [":1:2:3", { uid: 1, gids: [2, 3] }],
    ["::", { uid: 0, gids: [0] }],
    [":4294967295:0", { uid: 4294967295, gids: [0] }],
    ["web", { user: "web", groups: [] }],
    ["33", { user: "33", groups: [] }],
    ["web:a:b", { user: "web", groups: ["a", "b"] }],
    ["web:", { user: "web", groups: [""] }],
    ["", { user: "", groups: [] }],
    [":1", null],
    [":", null],
    [":x:1", null],
    [":1:x", null],
    [":4294967296:1", null],
    [":1:-2", null],
  ] as const) {
    assert.deepEqual(parseIdentity(text), identity, text);
  }
});

test("so many groups and no more", () => {
  const gids = Array.from({ length: 60 }, (_, index) => index);
  assert.deepEqual(parseIdentity(`:1:${gids.join(":")}`), { uid: 1, gids });
  assert.equal(parseIdentity(`:1:${gids.join(":")}:60`), null);
});
