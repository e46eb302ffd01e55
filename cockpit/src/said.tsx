// The sentences of relayhost as they are: text, never HTML, with the commands that are in them.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import type { ReactNode } from "react";

import { commands, pieces } from "./words";

const _ = cockpit.gettext;

// Begins a run of relayhost, as the button of a remedy does.
export type Begin = (words: string[]) => void;

// A sentence. Whatever a relay has written into it stays inside of its own line and direction.
export function Said({ children }: { children: string }) {
    return (
        <bdi className="said">
            {pieces(children).map((piece, index) => (piece.command ? <code key={index}>{piece.text}</code> : piece.text))}
        </bdi>
    );
}

// The words of others: a relay, a log, a file.
export function Words({ label, children }: { label: string; children: string }) {
    return <pre className="words" tabIndex={0} role="group" aria-label={label}>{children}</pre>;
}

// What is to be done, with a button for each command of it that the page can run.
export function Remedy({ text, begin }: { text: string | null; begin?: Begin }) {
    if (!text)
        return null;
    return (
        <div className="remedy">
            <p>{_("What to do:")} <Said>{text}</Said></p>
            {begin && commands(text).map(words => (
                <Button key={words.join(" ")} variant="secondary" size="sm" onClick={() => begin(words)}>
                    {cockpit.format(_("Run $0"), `relayhost ${words.join(" ")}`)}
                </Button>
            ))}
        </div>
    );
}

// Facts in two columns, below each other where there is no room.
export function Facts({ of }: { of: [string, ReactNode][] }) {
    return (
        <dl className="facts">
            {of.map(([name, value], index) => <div key={index}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
    );
}
