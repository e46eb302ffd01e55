// A person at Cockpit: logs in, becomes an administrator, opens the page.
import axe from "axe-core";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium, firefox } from "playwright-core";

import { top } from "./host.mjs";

export const pictures = `${top}/target/page/pictures`;
mkdirSync(pictures, { recursive: true });
const password = "throwaway";

// Pages of Cockpit's around this one: Debian's 337 asks there for fonts that it does not bring.
const COCKPITS_OWN = /\/cockpit\/[^/]+\/(shell|system)\//;

const script = name => new URL(name, import.meta.url).pathname;
const BROWSERS = {
    chromium: { kind: chromium, executablePath: script("chromium.sh"), args: ["--disable-background-networking", "--disable-component-update", "--no-first-run"] },
    // Playwright's own protocol needs a Firefox that Playwright has built; Mozilla's has WebDriver BiDi.
    firefox: { kind: firefox, executablePath: script("firefox.sh"), channel: "moz-firefox" },
};

export const SIZES = [375, 768, 1280];

export class Person {
    // at: in a browser of their own; what the browser complains of is kept.
    static async at(host, { language = "en" } = {}) {
        const person = new Person();
        person.host = host;
        host.people.push(person);
        const { kind, ...options } = BROWSERS[process.env.RELAYHOST_PAGE_BROWSER ?? "chromium"];
        person.browser = await kind.launch({ ...options, env: { ...process.env, RELAYHOST_HOST_PID: String(host.pid), LANGUAGE: language } });
        person.context = await person.browser.newContext({ viewport: { width: 1280, height: 900 }, locale: language });
        // What nothing has caught in this page; that it was in Cockpit's around it, Playwright would not tell.
        await person.context.addInitScript(() => {
            for (const kind of location.pathname.includes("/relayhost/") ? ["error", "unhandledrejection"] : [])
                addEventListener(kind, event => console.error(`not caught: ${event.message ?? event.reason}`));
        });
        person.page = await person.context.newPage();
        person.page.setDefaultTimeout(60_000);
        person.complaints = [];
        person.page.on("console", message => {
            const { url } = message.location();
            if (message.type() === "error" && !COCKPITS_OWN.test(url))
                person.complaints.push(`${message.text()} ${url}`);
        });
        person.page.on("dialog", dialog => (person.complaints.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
        return person;
    }

    async login(user = "admin") {
        await this.page.goto("http://127.0.0.1:9090/relayhost");
        // A browser that is new to Cockpit 239 is an administrator's at once; to newer ones, after a question.
        await this.page.evaluate(key => localStorage.getItem(key) ?? localStorage.setItem(key, "none"), `superuser:${user}`);
        await this.page.fill("#login-user-input", user);
        await this.page.fill("#login-password-input", password);
        await this.page.click("#login-button");
        await this.page.locator("#content iframe[name='cockpit1:localhost/relayhost']").waitFor();
        await this.frame.locator("h1").waitFor({ state: "attached" });
        // Cockpit's login page asks once without a password.
        this.complaints = this.complaints.filter(text => !text.includes("401 (Authentication failed)"));
    }

    // Cockpit's own dialog, above the page; a browser that has been an administrator becomes one again by itself.
    async administrator() {
        const { page } = this;
        if ((await page.locator("#super-user-indicator button").textContent()).includes("Administrative"))
            return;
        await page.click("#super-user-indicator button");
        const dialog = page.getByRole("dialog");
        await dialog.locator("input[type=password]").fill(password);
        await dialog.getByRole("button", { name: "Authenticate" }).click();
        await dialog.waitFor({ state: "detached" });
    }

    get frame() {
        return this.page.frameLocator("iframe[name='cockpit1:localhost/relayhost']");
    }

    // The page itself, for what is no click.
    get inside() {
        return this.page.frame({ name: "cockpit1:localhost/relayhost" });
    }

    text(words) {
        return this.frame.getByText(words).first().waitFor({ state: "attached" });
    }

    open(screen) {
        return this.frame.getByRole("link", { name: screen, exact: true }).click();
    }

    press(button) {
        return this.frame.getByRole("button", { name: button, exact: true }).first().click();
    }

    type(question, value) {
        return this.frame.locator(`#question-${question}`).fill(value);
    }

    // looks: what is shown now, at each size, light and dark: nothing is wider than the page, axe-core finds no fault, and a picture
    // is kept.
    async looks(name) {
        for (const style of ["light", "dark"]) {
            await this.inside.evaluate(chosen => {
                localStorage.setItem("shell:style", chosen);
                dispatchEvent(new CustomEvent("cockpit-style", { detail: { style: chosen } }));
            }, style);
            for (const width of SIZES) {
                await this.page.setViewportSize({ width, height: 900 });
                await this.page.waitForTimeout(150);
                const [room, needed] = await this.inside.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
                assert.ok(needed <= room, `${name}: ${needed} px wide, where there are ${room} (${width})`);
                await this.page.screenshot({ path: `${pictures}/${name}-${width}-${style}.png` });
            }
            await this.whole(`${pictures}/${name}-whole-${style}.png`);
            await this.faultless(`${name}, ${style}`);
        }
        await this.page.setViewportSize({ width: 1280, height: 900 });
    }

    // All of the page, however long.
    async whole(path) {
        const height = await this.inside.evaluate(() => document.documentElement.scrollHeight);
        await this.page.setViewportSize({ width: 1280, height: Math.min(height + 120, 6000) });
        await this.page.screenshot({ path });
    }

    async faultless(name) {
        await this.inside.evaluate(axe.source);
        const { violations } = await this.inside.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html} ${node.failureSummary}`).join("\n")}`);
        assert.deepEqual(told, [], name);
    }

    async close() {
        await this.browser?.close();
    }
}
