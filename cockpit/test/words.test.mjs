import assert from "node:assert/strict";
import test from "node:test";

import { load } from "./pure.mjs";

const { age, asked, commands, pieces, staged } = await load("words.ts");

test("a sentence is text and the commands in it", () => {
    assert.deepEqual(pieces("run `relayhost apply`, and wait"), [
        { command: false, text: "run " }, { command: true, text: "relayhost apply" }, { command: false, text: ", and wait" },
    ]);
});

test("only commands that ask nothing and name no file have a button", () => {
    assert.deepEqual(commands("`relayhost repair`, or `relayhost restore 3`; `rm -rf /`; relayhost apply"), [["repair"], ["restore", "3"]]);
    assert.deepEqual(commands("`relayhost apply --answers /tmp/x`"), []);
    assert.deepEqual(commands("`relayhost apply` and again `relayhost apply`"), [["apply"]]);
    assert.deepEqual(commands("relayhost apply"), [["apply"]]);
    assert.deepEqual(commands(null), []);
});

test("an age is shown in its largest unit", () => {
    assert.deepEqual([0, 59, 60, 3599, 3600, 86400 * 3 + 5].map(age), ["0 s", "59 s", "1 min", "59 min", "1 h", "3 d"]);
});

test("documents become stages, in order", () => {
    const told = [
        { event: "note", text: "before" },
        { event: "begin", stage: "probe" }, { event: "wait", stage: "probe", text: "the relay" }, { event: "note", stage: "probe", text: "slow" },
        { event: "end", stage: "probe", ended: "bad", text: "refused" },
        { event: "begin", stage: "main.cf" },
    ];
    const shown = told.reduce(staged, []);
    assert.deepEqual(shown.map(stage => [stage.name, stage.state, stage.text, stage.notes]), [
        ["", "open", "before", []], ["probe", "bad", "refused", ["slow"]], ["main.cf", "busy", "", []],
    ]);
});

test("answers of questions that are not asked any more are not sent", () => {
    assert.deepEqual(asked({ relay: "gmail", tenant: "x" }, ["relay", "user"]), { relay: "gmail" });
});
