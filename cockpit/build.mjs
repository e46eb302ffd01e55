// Makes dist/: the page as Cockpit serves it. No network, and the same bytes from the same sources.
import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

import { catalogue, locale, readPo } from "./po.mjs";

// 400 KB, compressed as Cockpit sends them.
const LARGEST = 400 * 1024;
process.chdir(import.meta.dirname ?? new URL(".", import.meta.url).pathname);

// PatternFly's style sheet brings fonts that Cockpit has already (page.css names those), and pictures of themes it has not.
const withoutAssets = {
    name: "without-assets",
    setup(on) {
        on.onLoad({ filter: /styles\/base\.css$/ }, async ({ path }) => ({
            contents: (await readFile(path, "utf8")).replace(/@font-face\s*{[^}]*}/g, "").replace(/url\("\.\/assets\/images[^)]*\)/g, "none"),
            loader: "css",
        }));
    },
};

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
const { metafile } = await build({
    entryPoints: ["src/index.tsx"],
    outdir: "dist",
    bundle: true,
    minify: true,
    // The Chromium, Firefox and Safari that Cockpit itself wants.
    target: ["es2020"],
    jsx: "automatic",
    legalComments: "eof",
    define: { "process.env.NODE_ENV": '"production"' },
    external: ["../../static/*"],
    plugins: [withoutAssets],
    logLevel: "warning",
    metafile: true,
});
// The licences of the packages that are in the bundle.
const bundled = new Set(Object.keys(metafile.inputs).flatMap(path => /^node_modules\/(@[^/]+\/[^/]+|[^/]+)\//.exec(path)?.[1] ?? []));
const licences = await Promise.all([...bundled].sort().map(async name => {
    const { version, license } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
    const file = (await readdir(`node_modules/${name}`)).find(file => /^licen[cs]e/i.test(file));
    return `${name} ${version}: ${license}\n\n${file ? await readFile(`node_modules/${name}/${file}`, "utf8") : ""}`;
}));
await writeFile("dist/LICENSES.txt", licences.join("\n----\n\n"));
await copyFile("src/index.html", "dist/index.html");
await copyFile("manifest.json", "dist/manifest.json");
// For English, for which there are no translations. Newer Cockpits answer with nothing by themselves, 239 says that there is none.
await writeFile("dist/po.js", "// The page is written in English.\n");
for (const file of (await readdir("po")).filter(name => name.endsWith(".po"))) {
    const po = readPo(await readFile(`po/${file}`, "utf8"));
    const language = file.slice(0, -3);
    await writeFile(`dist/po.${language}.js`, locale(po));
    // What the menu says, which the shell reads by itself.
    await writeFile(`dist/po.manifest.${language}.js`, locale(catalogue(po, ["Email settings"])));
}

let size = 0;
for (const name of await readdir("dist"))
    size += gzipSync(await readFile(`dist/${name}`)).length;
console.log(`dist: ${Math.ceil(size / 1024)} KB compressed, of ${LARGEST / 1024} KB at most`);
if (size > LARGEST)
    process.exit(1);
