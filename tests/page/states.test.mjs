// Where the page can do nothing, or somebody else is at work, it says so; and a run outlives it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Person } from "./browser.mjs";
import { top } from "./host.mjs";
import { begin, end } from "./scene.mjs";

const { host, admin } = await begin("greylist", { options: ["--answers", `${top}/examples/authenticated.toml`] });
await admin.text("The way of a message");

test("who may not become root is told so, and nothing is tried", async () => {
    const guest = await Person.at(host);
    await guest.login("guest");
    await guest.text("This page needs administrative access");
    assert.equal(await guest.frame.getByRole("button").count(), 0);
    await guest.close();
});

test("words of the page are German for a German browser, and the menu's too", async () => {
    const german = await Person.at(host, { language: "de" });
    await german.context.addCookies([{ name: "CockpitLang", value: "de-de", url: "http://127.0.0.1:9090" }]);
    await german.login();
    await german.text("Diese Seite braucht Administratorzugriff");
    await german.page.getByRole("link", { name: "E-Mail-Einstellungen" }).first().waitFor({ state: "attached" });
    await german.close();
});

test("a run is there again after a reload, at work and when it has ended", async () => {
    await admin.press("Send a test message");
    await admin.text("At work");
    await admin.page.reload();
    await admin.text("Sending the test message");
    await admin.frame.getByRole("button", { name: "Close" }).waitFor({ timeout: 120_000 });
    await admin.page.reload();
    await admin.frame.getByRole("button", { name: "Close" }).waitFor();
    await admin.press("Close");
});

test("a run goes on when the bridge dies, and how it ended is shown after the next login", async () => {
    await admin.press("Send a test message");
    await admin.text("At work");
    await host.run("pkill -u admin cockpit-bridge; pkill cockpit-session");
    await admin.page.getByText(/Disconnected|Connection/).first().waitFor();
    await admin.page.screenshot({ path: `${top}/target/page/pictures/bridge-lost.png` });
    await admin.login();
    await admin.administrator();
    await admin.frame.getByRole("button", { name: "Close" }).waitFor({ timeout: 120_000 });
    await admin.press("Close");
    admin.complaints.length = 0;
});

test("a run that waits for another one names it, and goes on when that has ended", async () => {
    // Stopped while it holds the lock.
    await host.run("relayhost apply >/root/other 2>&1 & echo $! >/root/pid");
    await host.until("grep -q \"$(cat /root/pid)\" /var/lib/relayhost/lock");
    await host.run("kill -STOP $(cat /root/pid)");
    await admin.press("Run relayhost apply");
    const { text } = await host.run("cat /root/pid");
    await admin.frame.locator(".at-work").getByText(`waiting for another relayhost (process ${text.trim()}) to end`).waitFor();
    await admin.looks("somebody-else");
    await admin.press("Send a test message");
    await admin.text("A run is at work.");
    assert.equal(await admin.frame.locator(".at-work").getByText("waiting for another relayhost").count(), 1);
    // Another browser shows the same run.
    const other = await Person.at(host);
    await other.login();
    await other.administrator();
    await other.frame.locator(".at-work").getByText("waiting for another relayhost").waitFor();
    await other.close();
    await host.run("kill -CONT $(cat /root/pid)");
    await admin.frame.getByRole("button", { name: "Close" }).waitFor({ timeout: 120_000 });
    await admin.press("Close");
});

test("a host without relayhost, and one whose relayhost is too old", async () => {
    await host.run("mv /usr/sbin/relayhost /root/");
    await admin.open("History");
    await admin.text("relayhost is not installed on this host");
    await admin.looks("missing");
    await host.run(`printf '%s\\n' '#!/bin/sh' 'echo "error: unexpected argument --json found" >&2; exit 2' >/usr/sbin/relayhost; chmod 755 /usr/sbin/relayhost`);
    await admin.press("Try again");
    await admin.text("does not know what this page asks for");
    await admin.looks("too-old");
    await host.run("mv /root/relayhost /usr/sbin/");
    await admin.open("Overview");
    await admin.text("The way of a message");
});

end(admin);
