// The base services of sv/ in a machine of busybox's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot, inMachine } from "../vm.ts";

const services = ["getty_ttyS0", "getty_tty1", "acpid", "cron", "httpd", "klog", "mdev", "syslog"];

test(
  "the base services log what they are for, and the power button ends it",
  inMachine,
  async (t) => {
    const machine = await boot(t, { services });
    await machine.login();
    const names = services.join(" ");
    const { code, output } = await machine.run(`sv -w 30 start ${names}`);
    assert.equal(code, 0, output);
    const klog = await machine.run("cat /etc/sv/klog/log/main/current");
    assert.match(klog.output, /^\S+ <5>\[ +0\.000000\] Linux version /);
    await machine.run(
      "logger -t web hello; until grep hello /etc/sv/syslog/log/main/current; do :; done",
    );
    assert.equal((await machine.run("mkdir -p /var/www; echo hi >/var/www/x")).code, 0);
    assert.match((await machine.run("wget -q -O - http://127.0.0.1/x")).output, /^hi$/m);
    await machine.powerButton();
    assert.equal(await machine.ended, "power off");
  },
);
