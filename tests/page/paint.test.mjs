// How long a person waits for the page's first paint once the bridge is there, beside a page of Cockpit's that has a word in it. The
// figures are printed; a machine may have much to do, so only their proportion is asserted.
import assert from "node:assert/strict";
import { test } from "node:test";

import { top } from "./host.mjs";
import { begin, end } from "./scene.mjs";

const ROUNDS = 9;
const AT_MOST = 5;

const { admin } = await begin("submission", { options: ["--bind", `${top}/tests/page/empty:/usr/share/cockpit/empty`] });

// Notes in each frame when Cockpit's script in it has its connection.
await admin.context.addInitScript(() => {
    const look = () => globalThis.cockpit?.transport
        ? globalThis.cockpit.transport.wait(() => performance.mark("bridge"))
        : setTimeout(look, 1);
    look();
});

// paint: milliseconds from then, and from the opening of the frame, until something of the page was painted: the medians.
async function paint(name) {
    const times = [];
    for (let round = 0; round < ROUNDS; round++) {
        await admin.page.goto(`http://127.0.0.1:9090/${name}`);
        const frame = `cockpit1:localhost/${name}`;
        await admin.page.frameLocator(`iframe[name='${frame}']`).locator("#app:not(:empty)").waitFor({ state: "attached" });
        times.push(await admin.page.frame({ name: frame }).evaluate(() => new Promise(done => {
            const look = () => {
                const [painted] = performance.getEntriesByName("first-contentful-paint");
                const [bridge] = performance.getEntriesByName("bridge");
                return painted && bridge ? done([painted.startTime - bridge.startTime, painted.startTime]) : requestAnimationFrame(look);
            };
            look();
        })));
    }
    return [0, 1].map(which => Math.round(times.map(time => time[which]).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]));
}

test("the first paint is not many times as late as that of an empty page", async context => {
    const [floor, page] = [await paint("empty"), await paint("relayhost")];
    context.diagnostic(`first paint: ${page[0]} ms after the bridge is there, ${page[1]} ms after the frame was opened; of an empty page ${floor[0]} and ${floor[1]} ms`);
    assert.ok(page[1] <= AT_MOST * floor[1], `${page}, and of an empty page ${floor}`);
});

end(admin);
