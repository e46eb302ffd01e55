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

// By journald's own protocol, in a file where a datagram is too small: once as root, once as anybody, who may call themselves postfix.
const RECORD = `
import array, os, socket
line = "4QBIG1Z: to=<big@example.org>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=5.1.1, status=bounced (host smtp.example.com[192.0.2.1] said: 550 5.1.1 User unknown " + os.environ["WORDS"] * 20000 + " (in reply to RCPT TO command))"
text = ("MESSAGE=" + line[:1000000] + "\\nSYSLOG_IDENTIFIER=postfix/smtp\\nSYSLOG_PID=9\\nSYSLOG_FACILITY=2\\nPRIORITY=6\\n").encode()
file = os.memfd_create("record", os.MFD_ALLOW_SEALING)
os.write(file, text)
import fcntl
fcntl.fcntl(file, 1033, 15)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
    journal.connect("/run/systemd/journal/socket")
    journal.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
`;

test("in a line of the log of a megabyte, of which little reaches the browser", async () => {
    const { code, text } = await host.run(`cat >/root/record.py <<'E'\n${RECORD}\nE\nchmod 755 /root; chmod 644 /root/record.py
        export WORDS='${HTML}'; python3 /root/record.py && setpriv --reuid=guest --clear-groups python3 /root/record.py`);
    assert.equal(code, 0, text);
    await host.until("journalctl --all -o cat SYSLOG_FACILITY=2 | grep -c 4QBIG1Z | grep -q 2");
    for (const screen of ["Log", "Overview", "Log"]) {
        await admin.open(screen);
        await admin.frame.locator(".pf-m-danger").first().waitFor();
        const [planted, length] = await admin.inside.evaluate(() => [document.querySelectorAll("img, #planted, #app script").length, document.body.innerText.length]);
        assert.deepEqual([planted, length < 50_000], [0, true], `${screen}: ${length}`);
    }
    // Anybody's is not taken for Postfix's.
    assert.equal(JSON.parse((await host.run("relayhost diagnose --queue-id 4QBIG1Z --json 2>/dev/null")).text).diagnosis.steps.length, 1);
    await admin.press("The story of message 4QBIG1Z");
    await admin.text("was given up for big@example.org");
    await isText();
    await admin.looks("hostile-long");
});

// And the browser has run none of it.
end(admin);
