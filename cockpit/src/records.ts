// The journal of a run as documents. Pure: lines in, documents out.
import type { Document } from "./documents";

// systemd says by these that a unit has ended: well, or with a failure.
const ENDED = ["7ad2d189f7e94e70a38c781354912448", "d9b373ed55a64feb8242e02dbe79a49c"];

type Heard = { documents: Document[]; ended: boolean };

// Takes the output of `journalctl -o json` in pieces of any length.
export class Records {
    private rest = "";
    // A line that is longer than journald's records (LineMax=) comes in several.
    private part = "";

    take(text: string): Heard {
        const lines = (this.rest + text).split("\n");
        this.rest = lines.pop() ?? "";
        const heard: Heard = { documents: [], ended: false };
        for (const line of lines)
            this.record(line, heard);
        return heard;
    }

    private record(line: string, heard: Heard) {
        const record = parsed(line);
        if (record === null)
            return;
        if (typeof record.MESSAGE_ID === "string" && ENDED.includes(record.MESSAGE_ID)) {
            heard.ended = true;
            return;
        }
        // Only what the unit itself has written: a journal has other programs' words, too.
        if (record._TRANSPORT !== "stdout")
            return;
        this.part += words(record.MESSAGE);
        if (record._LINE_BREAK === "line-max")
            return;
        const document = parsed(this.part);
        this.part = "";
        if (document !== null && typeof document.command === "string")
            heard.documents.push(document as unknown as Document);
    }
}

function parsed(line: string): Record<string, unknown> | null {
    try {
        const value: unknown = JSON.parse(line);
        return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
    } catch {
        return null;
    }
}

// journalctl gives a list of bytes in place of a text that has control characters in it.
function words(message: unknown): string {
    if (typeof message === "string")
        return message;
    return Array.isArray(message) ? new TextDecoder().decode(new Uint8Array(message as number[])) : "";
}
