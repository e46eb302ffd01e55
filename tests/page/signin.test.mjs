// A login by an access token: a person types the page's code at the pages of an identity provider that nobody here wrote.
import assert from "node:assert/strict";
import { test } from "node:test";

import { top } from "./host.mjs";
import { begin, end } from "./scene.mjs";

const { host, admin } = await begin("xoauth2", {
    options: ["--answers", `${top}/examples/office365-certificate.toml`],
    prepare: host => host.run(". /lab/tests/lab/scripts/tokens.sh; person device"),
});

test("the remedy signs in: address and code are shown, and its end", async () => {
    await admin.press("Run relayhost login");
    await admin.text("Open this page, on any device, and type the code");
    await admin.looks("sign-in");
    const code = await admin.frame.locator(".code").textContent();
    const address = await admin.frame.locator(".at-work a").getAttribute("href");
    assert.match(address, /^https:\/\/login\.microsoftonline\.com\//);
    const { code: exit, text } = await host.run(`printf '%s\\n  code %s\\n' '${address}' '${code}' | python3 /lab/tests/lab/scripts/person.py`);
    assert.equal(exit, 0, text);
    await admin.text("alerts@example.com has logged in");
    await admin.looks("signed-in");
});

test("a login by the provider's page takes the address that the browser ended at", async () => {
    await admin.press("Close");
    await host.run(". /lab/tests/lab/scripts/tokens.sh; person code; rm -r /var/lib/relayhost/tokens");
    await admin.page.reload();
    await admin.press("Run relayhost login");
    await admin.press("Sign in");
    await admin.text("Open this page, and log in as the owner of the mailbox");
    await admin.frame.locator("#ended-at").fill("http://localhost/?code=1&state=2");
    await admin.press("Sign in");
    await admin.text("this address is of another login");
    await admin.looks("sign-in-page");
    const address = await admin.frame.locator(".at-work a").getAttribute("href");
    const { code, text } = await host.run(`echo '${address}' | python3 /lab/tests/lab/scripts/person.py`);
    assert.equal(code, 0, text);
    await admin.frame.locator("#ended-at").fill(text.trim());
    await admin.frame.locator("#ended-at").press("Enter");
    await admin.text("alerts@example.com has logged in");
});

test("the token is in no document, no journal and no page", async () => {
    const { text } = await host.run("grep -o '\"refresh\":\"[^\"]*\"' /var/lib/relayhost/tokens/logins.json | cut -d'\"' -f4");
    const token = text.trim();
    assert.ok(token.length > 10);
    assert.ok(!(await host.run("journalctl --no-pager -o json --all")).text.includes(token));
    assert.ok(!(await admin.inside.content()).includes(token));
});

end(admin);
