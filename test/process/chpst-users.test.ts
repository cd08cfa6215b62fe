// -u and -U, setuidgid and envuidgid: names, numbers, and what is neither.
import { sameAsOracle } from "../oracle.ts";

const users = [
  "daemon",
  "root",
  "nobody:games",
  "nobody:games:audio:games",
  ":1:2",
  ":1:2:3:4",
  ":0001:02",
  ":2147483648:4294967294",
  "::",
  ":1:",
  ":1:2:",
  // neither
  "",
  "1",
  "0",
  "no-such-user",
  "no-such-user:games",
  "daemon:",
  "daemon:no-such-group",
  "daemon::games",
  "nobody:60",
  "' daemon'",
  "daemon:games:no-such-group",
  ":",
  ":1",
  ":x",
  ":-1",
  ":1:2x",
  ":1:x",
  "':1:2 '",
  ":60:games",
  ":4294967296",
];

sameAsOracle(
  "-u",
  users.map((user) => `chpst -u ${user === "" ? "''" : user} id`),
);
sameAsOracle(
  "-U",
  users.map((user) => `chpst -U ${user === "" ? "''" : user} sh -c 'env | grep ^.ID=; id'`),
);

const groups60 = Array.from({ length: 60 }, (_, index) => index + 1).join(":");

sameAsOracle("numbers, both options, and accounts", [
  // numbers that the kernel does not take
  "chpst -u :4294967295:1 id",
  "chpst -u :1:4294967295 id",
  "chpst -u :1:2:4294967295 id",
  "chpst -U :4294967295:4294967295 sh -c 'echo $UID $GID'",
  // how many
  `chpst -u :1:${groups60} id -G`,
  `chpst -u :1:${groups60}:61 id -G`,
  `chpst -U :1:${groups60}:61 id -G`,
  // both at once, and a variable that was there before
  "UID=x GID=y chpst -u daemon -U games:audio sh -c 'echo $UID $GID; id'",
  "chpst -u daemon -u games id",
  "chpst -u daemon chpst -u root id",
  // accounts, without groups and numbers
  "setuidgid daemon id",
  "setuidgid 1 id",
  "setuidgid :1:2 id",
  "setuidgid nobody:games id",
  "setuidgid no-such-user id",
  "setuidgid daemon setuidgid root id",
  "envuidgid daemon sh -c 'echo $UID $GID; id'",
  "envuidgid 1 env",
  "envuidgid :1:2 env",
  "envuidgid nobody:games env",
  "envuidgid no-such-user env",
]);
