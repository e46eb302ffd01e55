// Translations: gettext's PO files, as much of them as this page needs (no plurals, no contexts), and the form in which Cockpit's
// `cockpit.locale` takes them.
import { readdir, readFile } from "node:fs/promises";

// readPo: the header and the translations of a PO file. What is fuzzy or has no translation is left out.
export function readPo(text) {
    const entries = new Map();
    let header = "";
    for (const block of text.split(/\n\s*\n/)) {
        const lines = block.split("\n").filter(line => !line.startsWith("#~"));
        if (lines.some(line => /^#,.*\bfuzzy\b/.test(line)))
            continue;
        const parts = { msgid: null, msgstr: null };
        let current = null;
        for (const line of lines) {
            const [, keyword, quoted] = /^(msgid|msgstr)?\s*(".*")$/.exec(line) ?? [];
            if (quoted === undefined)
                continue;
            current = keyword ?? current;
            parts[current] = (parts[current] ?? "") + JSON.parse(quoted);
        }
        if (parts.msgid === "")
            header = parts.msgstr;
        else if (parts.msgid !== null && parts.msgstr)
            entries.set(parts.msgid, parts.msgstr);
    }
    return { language: /^Language: *(.*)$/m.exec(header)?.[1] ?? "", entries };
}

// catalogue: the same with these texts alone.
export const catalogue = (po, texts) => ({ ...po, entries: new Map([...po.entries].filter(([id]) => texts.includes(id))) });

// locale: the script that Cockpit runs before the page.
export function locale({ language, entries }) {
    const head = `"":{"plural-forms":(n)=>n!=1,"language":${JSON.stringify(language)},"language-direction":"ltr"}`;
    const rest = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, text]) => `${JSON.stringify(id)}:[null,${JSON.stringify(text)}]`);
    return `cockpit.locale({${[head, ...rest].join(",\n")}});\n`;
}

// texts: what the sources give to gettext.
export async function texts(folder) {
    const found = new Set(["Email settings"]);
    for (const name of await readdir(folder)) {
        if (!/\.tsx?$/.test(name))
            continue;
        const source = await readFile(`${folder}/${name}`, "utf8");
        for (const [, quoted] of source.matchAll(/\b_\(\s*("(?:[^"\\]|\\.)*")/g))
            found.add(JSON.parse(quoted));
    }
    return [...found].sort();
}
