// What a sentence of relayhost's is made of. Pure.

// Backquotes mark commands to type; the words of others, which a sentence may quote, have none.
export type Piece = { command: boolean; text: string };
export function pieces(sentence: string): Piece[] {
    return sentence.split("`").map((text, index) => ({ command: index % 2 === 1, text })).filter(piece => piece.text !== "");
}

// The commands of a remedy that the page has a button for: those that ask nothing and name no file. A remedy may be one command.
const BUTTONS = /^relayhost (apply|repair|verify|login|restore \d+)$/;
export function commands(remedy: string | null): string[][] {
    const all = pieces(remedy ?? "");
    const found = all.filter(piece => (piece.command || all.length === 1) && BUTTONS.test(piece.text));
    return [...new Set(found.map(piece => piece.text))].map(text => text.split(" ").slice(1));
}

// age: seconds as a person says them, in the largest unit that fits.
export function age(seconds: number): string {
    const units: [number, string][] = [[86400, "d"], [3600, "h"], [60, "min"]];
    const unit = units.find(([length]) => seconds >= length);
    return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]}` : `${Math.floor(seconds)} s`;
}

// A stage of a run, as its documents tell of it.
export type Stage = { name: string; state: "busy" | "good" | "bad" | "open"; text: string; notes: string[] };
type Told = { event: string; stage?: string; text?: string; ended?: "good" | "bad" | "open" };
export function staged(stages: Stage[], told: Told): Stage[] {
    const name = told.stage ?? "";
    const last = stages[stages.length - 1];
    if (told.event === "begin")
        return [...stages, { name, state: "busy", text: "", notes: [] }];
    if (last === undefined || last.name !== name)
        return told.text && told.event === "note" ? [...stages, { name: "", state: "open", text: told.text, notes: [] }] : stages;
    const next: Stage =
        told.event === "end" ? { ...last, state: told.ended ?? "open", text: told.text ?? "" }
            : told.event === "note" ? { ...last, notes: [...last.notes, told.text ?? ""] }
                : { ...last, text: told.text ?? "" };
    return [...stages.slice(0, -1), next];
}

// The sheet with the answers that were asked for alone: what an earlier choice had asked for is not sent.
export function asked(sheet: Record<string, string>, words: string[]): Record<string, string> {
    return Object.fromEntries(Object.entries(sheet).filter(([word]) => words.includes(word)));
}
