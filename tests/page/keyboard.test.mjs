// The whole story by Tab, Enter, Space, End and what is typed: where the keyboard is can be seen at each stop, and it is never nowhere.
import assert from "node:assert/strict";
import { test } from "node:test";

import { begin, end } from "./scene.mjs";

const { host, admin } = await begin("submission");
const { keyboard } = admin.page;
const untouched = (await host.run("sha256sum /etc/postfix/main.cf")).text;
await admin.text("Mail is not set up");

// What has the keyboard, as a person would name it; "" where nothing has it.
const place = () => admin.inside.evaluate(() => {
    const at = document.activeElement;
    return !document.hasFocus() || at === null || at === document.body ? "" : `${at.localName}${at.id && `#${at.id}`} ${at.getAttribute("aria-label") ?? at.innerText?.slice(0, 60) ?? ""}`;
});
async function somewhere() {
    const at = await place();
    assert.notEqual(at, "", "the keyboard is nowhere");
    return at;
}

// seen: the place looks otherwise than without the keyboard.
async function seen(at) {
    const box = await admin.inside.evaluateHandle(() => document.activeElement).then(element => element.asElement().boundingBox());
    const clip = { x: Math.max(0, box.x - 6), y: Math.max(0, box.y - 6), width: box.width + 12, height: Math.min(box.height + 12, 300) };
    const picture = () => admin.page.screenshot({ clip, animations: "disabled" });
    const focused = await picture();
    await admin.inside.evaluate(() => ((globalThis.place = document.activeElement), document.activeElement.blur()));
    const blurred = await picture();
    await admin.inside.evaluate(() => globalThis.place.focus());
    assert.ok(!focused.equals(blurred), `nobody sees that the keyboard is at ${at}`);
}

// go: Tab (or Shift+Tab) to it, which is seen at each stop.
async function go(target, key = "Tab") {
    await target.waitFor();
    for (let stop = 0; stop < 60; stop++) {
        if (await target.evaluate(element => element === document.activeElement))
            return;
        await keyboard.press(key);
        await seen(await somewhere());
    }
    assert.fail(`${target}: not reached by ${key}`);
}
const button = name => admin.frame.getByRole("button", { name, exact: true }).first();
const link = name => admin.frame.getByRole("link", { name, exact: true });
const field = name => admin.frame.locator(`#question-${name}`);

async function closeRun() {
    await go(button("Close"));
    await keyboard.press("Enter");
    await button("Close").waitFor({ state: "detached" });
    await somewhere();
}

test("the keyboard comes from Cockpit's menu into the page", async () => {
    for (let stop = 0; (await place()) === ""; stop++) {
        assert.ok(stop < 60);
        await keyboard.press("Tab");
    }
});

test("mail is set up", async () => {
    await go(button("Set up mail"));
    await keyboard.press("Enter");
    await field("relay").waitFor();
    await somewhere();
    await go(field("relay"));
    await keyboard.press("End");
    await keyboard.press("Tab");
    await go(admin.frame.locator("input#question-relay"));
    await keyboard.type("smtp.example.com");
    await keyboard.press("Enter");
    for (const [name, answer] of [["user", "alerts@example.com"], ["password", "correct horse battery staple"]]) {
        await field(name).waitFor();
        await go(field(name));
        await keyboard.type(answer);
        await keyboard.press("Enter");
    }
    await admin.text("The answers file that this makes");
    await go(field("recipient"));
    await keyboard.type("ops@example.com");
    await go(button("Try the relay and save"));
    await keyboard.press("Space");
    await admin.text("The answers are saved");
    await somewhere();
    await go(button("Apply"));
    await keyboard.press("Enter");
    await admin.text("has accepted the message to ops@example.com");
    await closeRun();
});

test("a test message is sent", async () => {
    await go(link("Test message"), "Shift+Tab");
    await keyboard.press("Enter");
    await go(button("Send the test message"));
    await keyboard.press("Enter");
    await admin.text("has accepted the message to ops@example.com");
    await closeRun();
});

test("everything is taken back, after a question that gives the keyboard back", async () => {
    await go(link("History"), "Shift+Tab");
    await keyboard.press("Enter");
    await go(button("Restore generation 0"));
    const before = await place();
    await keyboard.press("Space");
    await admin.frame.getByRole("dialog").waitFor();
    await keyboard.press("Escape");
    await admin.frame.getByRole("dialog").waitFor({ state: "detached" });
    await admin.page.waitForTimeout(100);
    assert.equal(await place(), before);
    await keyboard.press("Space");
    await go(admin.frame.getByRole("dialog").getByRole("button", { name: "Restore" }));
    await keyboard.press("Enter");
    await admin.text("Every file is as it was in generation 0");
    await closeRun();
    assert.equal((await host.run("sha256sum /etc/postfix/main.cf")).text, untouched);
});

end(admin);
