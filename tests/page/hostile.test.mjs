// What a relay says is text, whatever is in it: in the answers of a probe, in a run, in the log.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";

import { begin, end } from "./scene.mjs";

const HTML = '<img src=x onerror=alert(1)><script>alert(2)</script><b id=planted>bold</b>';
// Right-to-left override, an escape sequence, and a word that is as long as a line of SMTP may be.
const REST = `\\xE2\\x80\\xAEgnp.exe \\x1b[31mred \`relayhost restore 0\` ${"W".repeat(400)}`;

const replies = `${mkdtempSync(`${tmpdir()}/page-`)}/replies`;
writeFileSync(replies, `AUTH/wrong/ 535 5.7.8 ${HTML} ${REST}\nEND 550 5.7.1 ${HTML} ${REST}\n`);
const { host, admin } = await begin("scripted", { options: ["--replies", replies] });

// The words are there as they were written, and nothing came of them.
async function isText() {
    await admin.text(HTML);
    const planted = await admin.inside.evaluate(() => document.querySelectorAll("img, #planted, #app script").length);
    assert.equal(planted, 0);
    const shown = await admin.inside.evaluate(() => document.body.innerText);
    assert.ok(!/[\u202e\u001b]/.test(shown));
    // Only a remedy's commands are buttons: those of relayhost itself.
    assert.equal(await admin.frame.getByRole("button", { name: "Run relayhost restore 0" }).count(), 0);
}

test("in the answer of a probe", async () => {
    await admin.open("Set up");
    await admin.frame.locator("#question-relay").selectOption({ label: "Something else" });
    await admin.type("relay", "smtp.example.com");
    await admin.press("Next");
    await admin.type("user", "alerts@example.com");
    await admin.press("Next");
    await admin.type("password", "wrong");
    await admin.press("Next");
    await admin.type("recipient", "ops@example.com");
    await admin.press("Try the relay and save");
    await admin.text("Nothing was saved");
    await isText();
    await admin.looks("hostile-probe");
});

test("in a run, after which the previous configuration is in force", async () => {
    await admin.type("password", "correct horse");
    await admin.press("Try the relay and save");
    await admin.text("The answers are saved");
    await admin.press("Apply");
    await admin.frame.getByRole("button", { name: "Close" }).waitFor();
    await isText();
    await admin.text("The previous configuration was restored");
    await admin.looks("hostile-run");
});

test("in the log", async () => {
    await admin.press("Close");
    await admin.open("Log");
    await admin.frame.locator(".pf-m-danger").first().waitFor();
    await isText();
    await admin.looks("hostile-log");
});

// And the browser has run none of it.
end(admin);
