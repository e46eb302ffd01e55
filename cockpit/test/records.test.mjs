import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./pure.mjs";

const { Records } = await load("records.ts");
const record = (message, more = {}) => `${JSON.stringify({ _TRANSPORT: "stdout", MESSAGE: message, ...more })}\n`;
const document = JSON.stringify({ version: 1, command: "apply", exit: 0 });

test("the pieces of a pipe may end anywhere", () => {
    const text = record(document) + record(document);
    for (let at = 0; at <= text.length; at += 7) {
        const records = new Records();
        const both = [...records.take(text.slice(0, at)).documents, ...records.take(text.slice(at)).documents];
        assert.equal(both.length, 2);
    }
});

test("a line that journald has broken is one document", () => {
    const records = new Records();
    const heard = records.take(record(document.slice(0, 10), { _LINE_BREAK: "line-max" }) + record(document.slice(10)));
    assert.equal(heard.documents[0].exit, 0);
});

test("bytes are read as the text that they are", () => {
    const heard = new Records().take(record([...new TextEncoder().encode(document)]));
    assert.equal(heard.documents[0].command, "apply");
});

test("words of others are no documents, and systemd's word is the end", () => {
    const heard = new Records().take(
        record("not JSON") + record('"text"') + record("[1]") + record('{"no":"command"}') + record(document, { _TRANSPORT: "syslog" })
        + "broken\n" + record("done", { _TRANSPORT: "journal", MESSAGE_ID: "7ad2d189f7e94e70a38c781354912448" }));
    assert.deepEqual(heard, { documents: [], ended: true });
});
