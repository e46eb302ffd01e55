import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import test from "node:test";

import { locale, readPo, texts } from "../po.mjs";

const top = new URL("..", import.meta.url).pathname;

test("every translation knows each text of the page, with its places, and no other", async () => {
    const wanted = await texts(`${top}/src`);
    for (const file of (await readdir(`${top}/po`)).filter(name => name.endsWith(".po"))) {
        const { entries, language } = readPo(await readFile(`${top}/po/${file}`, "utf8"));
        assert.equal(`${language}.po`, file);
        assert.deepEqual([...entries.keys()].sort(), wanted, file);
        const places = text => (text.match(/\$\d|`/g) ?? []).sort().join();
        for (const [id, text] of entries)
            assert.equal(places(text), places(id), id);
    }
});

test("a PO file is read as gettext reads it", () => {
    const po = readPo('msgid ""\nmsgstr ""\n"Language: xx\\n"\n\n#: a.c\nmsgid "one "\n"two"\nmsgstr "\\"1\\""\n\n#, fuzzy\nmsgid "old"\nmsgstr "alt"\n\nmsgid "open"\nmsgstr ""\n');
    assert.deepEqual([po.language, [...po.entries]], ["xx", [["one two", '"1"']]]);
    let given;
    new Function("cockpit", locale(po))({ locale: table => (given = table) });
    assert.deepEqual([given[""].language, given["one two"]], ["xx", [null, '"1"']]);
});
