// What each story begins and ends with: a host beside a relay, an administrator in front of its page, and a browser that has
// complained of nothing.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Person } from "./browser.mjs";
import { Host } from "./host.mjs";

// begin: `host` and `admin` of a story; both go when its last test has ended. options: more of `scripts/lab run`; prepare: what is
// done to the host before somebody looks at it; arrive: how they come to the page.
export async function begin(relay, { options = [], prepare = async () => undefined, arrive = administrator } = {}) {
    const host = await Host.start(relay, ...options);
    try {
        await prepare(host);
        const admin = await Person.at(host);
        await arrive(admin);
        after(() => host.stop());
        return { host, admin };
    } catch (error) {
        await host.stop();
        throw error;
    }
}

async function administrator(admin) {
    await admin.login();
    await admin.administrator();
}

// end: the last test of a story.
export const end = admin => test("the browser has complained of nothing, the policy of Cockpit among it", () => assert.deepEqual(admin.complaints, []));
