// The story of the page, from nothing to a host that has been put back.
import assert from "node:assert/strict";
import { test } from "node:test";

import { begin, end } from "./scene.mjs";

const { host, admin } = await begin("submission", { arrive: async () => undefined });
const untouched = (await host.run("sha256sum /etc/postfix/main.cf")).text;

test("an administrator logs in, and is told what the page needs", async () => {
    await admin.login();
    await admin.text("This page needs administrative access");
    await admin.looks("no-access");
    await admin.administrator();
    await admin.text("Mail is not set up");
    await admin.looks("nothing-set-up");
});

test("a mistyped password is named by the relay, and nothing is saved", async () => {
    await admin.press("Set up mail");
    await admin.frame.locator("#question-relay").selectOption({ label: "Something else" });
    await admin.type("relay", "smtp.example.com");
    await admin.press("Next");
    await admin.type("user", "alerts@example.com");
    await admin.press("Next");
    await admin.looks("questions");
    await admin.type("password", "correct hrose");
    await admin.press("Next");
    await admin.text("The answers file that this makes");
    await admin.type("recipient", "ops@example.com");
    await admin.press("Try the relay and save");
    await admin.text("the relay refused the user name or the password of alerts@example.com");
    await admin.text("Nothing was saved");
    await admin.looks("wrong-password");
    assert.equal((await host.run("ls /etc/relayhost")).text.includes("answers.toml"), false);
});

test("the right one is saved, planned, applied, and seen in the relay's mailbox", async () => {
    await admin.type("password", "correct horse battery staple");
    await admin.press("Try the relay and save");
    await admin.text("The answers are saved");
    await admin.text("What will be done");
    await admin.frame.getByRole("button", { name: "Apply", exact: true }).waitFor();
    await admin.looks("plan");
    assert.equal((await host.run("sha256sum /etc/postfix/main.cf")).text, untouched);
    await admin.press("Apply");
    await admin.text("has accepted the message to ops@example.com");
    await admin.looks("applied");
    await host.until("ls /lab/mailbox/new/* >/dev/null 2>&1");
    assert.match((await host.run("cat /lab/mailbox/new/*")).text, /^To: .*ops@example\.com/m);
});

test("the password is in no list of processes, no journal and no document of the page", async () => {
    const { text } = await host.run("journalctl --no-pager -o json; ps axww -o args; cat /proc/[0-9]*/environ | tr '\\0' '\\n'");
    assert.ok(!text.includes("battery staple") && !text.includes("correct hrose"));
    assert.ok(!(await admin.inside.content()).includes("battery staple"));
});

test("the test message is sent once more", async () => {
    const before = Number((await host.run("ls /lab/mailbox/new | wc -l")).text);
    await admin.press("Close");
    await admin.open("Test message");
    await admin.looks("test-message");
    await admin.press("Send the test message");
    await admin.text("has accepted the message to ops@example.com");
    await host.until(`[ "$(ls /lab/mailbox/new | wc -l)" -gt ${before} ]`);
    await admin.press("Close");
});

test("a relay that is away shows by itself on the overview, and its return too", async () => {
    await admin.open("Overview");
    await admin.text("mail leaves");
    await admin.looks("overview");
    await host.run("ip route add prohibit 192.0.2.1/32; ip -6 route add prohibit 2001:db8::1/128; postfix reload; echo x | sendmail ops@example.com");
    await admin.frame.locator(".pf-m-danger").first().waitFor({ timeout: 60_000 });
    await admin.looks("overview-broken");
    await admin.open("Log");
    await admin.frame.locator(".pf-m-danger").first().waitFor();
    await admin.looks("log-broken");
    await admin.open("Overview");
    await host.run("ip route del prohibit 192.0.2.1/32; ip -6 route del prohibit 2001:db8::1/128; postqueue -f");
    await admin.frame.locator(".pf-m-success").first().waitFor({ timeout: 60_000 });
});

test("the history takes everything back, after a question", async () => {
    await admin.open("History");
    await admin.frame.getByRole("button", { name: "Restore generation 0" }).waitFor();
    await admin.press("What changed after generation 0");
    await admin.text("+relayhost = [smtp.example.com]:587");
    await admin.text("+[smtp.example.com]:587 alerts@example.com:********");
    await admin.looks("history");
    await admin.press("Restore generation 0");
    await admin.text("Restore generation 0?");
    await admin.faultless("the question before a restore");
    await admin.frame.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
    await admin.text("Every file is as it was in generation 0");
    await admin.looks("restored");
    assert.equal((await host.run("sha256sum /etc/postfix/main.cf")).text, untouched);
});

end(admin);
