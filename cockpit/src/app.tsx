// The page: its screens, the run that is at work, and what is shown where nothing can be.
import { Nav, NavItem, NavList } from "@patternfly/react-core/dist/esm/components/Nav/index.js";
import { useCallback, useEffect, useRef, useState } from "react";

import { known } from "./ask";
import { keepFocus } from "./focus";
import { History } from "./history";
import { Log } from "./log";
import { TestMessage } from "./message";
import { Overview } from "./overview";
import { Message, Stopped, Waiting } from "./panel";
import { converse, current, dismiss, Refusal, Run, start } from "./relayhost";
import { AtWork } from "./run";
import { Setup } from "./setup";

const _ = cockpit.gettext;

const screens: [string, string][] = [
    ["overview", _("Overview")],
    ["setup", _("Set up")],
    ["test", _("Test message")],
    ["log", _("Log")],
    ["history", _("History")],
];

export function App() {
    const [allowed, setAllowed] = useState<boolean | null>(null);
    const [screen, setScreen] = useState(here());
    const [run, setRun] = useState<Run | null>(null);
    const [refusal, setRefusal] = useState<Refusal | null>(null);
    const atWork = useRef(false);
    // Another number has the screens look again: a run has ended.
    const [turn, setTurn] = useState(0);
    const place = useRef<HTMLDivElement>(null);
    useEffect(() => (place.current ? keepFocus(place.current) : undefined), []);

    useEffect(() => {
        const permission = cockpit.permission({ admin: true });
        const changed = () => setAllowed(permission.allowed);
        permission.addEventListener("changed", changed);
        changed();
        cockpit.addEventListener("locationchanged", () => setScreen(here()));
        return () => permission.close();
    }, []);
    useEffect(() => {
        if (allowed)
            void current().then(show);
    }, [allowed]);

    const show = (run: Run | null) => {
        atWork.current = run !== null;
        setRun(run);
    };
    // One after the other: a second run would wait for the first, and take its place here.
    const begin = useCallback((words: string[]) => {
        if (atWork.current) {
            setRefusal(new Refusal("error", { text: _("A run is at work."), remedy: _("Wait until it has ended."), again: false }));
            return;
        }
        setRefusal(null);
        atWork.current = true;
        start(words).then(show, thrown => {
            atWork.current = false;
            setRefusal(known(thrown));
        });
    }, []);
    const ended = useCallback(() => {
        atWork.current = false;
        setRefusal(null);
        setTurn(number => number + 1);
    }, []);
    const open = (name: string) => cockpit.location.go(name === "overview" ? [] : [name]);

    return (
        <main>
            <h1 className="pf-v6-screen-reader">{_("Email settings")}</h1>
            <Nav variant="horizontal-subnav" aria-label={_("Email settings")}>
                <NavList>
                    {screens.map(([name, title]) => <NavItem key={name} to={name === "overview" ? "#/" : `#/${name}`} isActive={name === screen}>{title}</NavItem>)}
                </NavList>
            </Nav>
            <div className="screen" ref={place} tabIndex={-1}>
                {allowed === null && <Waiting />}
                {allowed === false && <Message weight="info" title={_("This page needs administrative access")}><p>{_("Mail settings and the mail log belong to root. Turn on administrative access at the top of this page.")}</p></Message>}
                {run && allowed && <AtWork key={run.unit} run={run} begin={begin} talk={words => { dismiss(run); show(converse(words)); }} ended={ended} close={() => { dismiss(run); show(null); }} />}
                {refusal && <Stopped refusal={refusal} />}
                {allowed && <Screen key={`${screen} ${turn}`} name={screen} begin={begin} open={open} />}
            </div>
        </main>
    );
}

function Screen({ name, begin, open }: { name: string; begin: (words: string[]) => void; open: (screen: string) => void }) {
    switch (name) {
        case "setup": return <Setup begin={begin} />;
        case "test": return <TestMessage begin={begin} />;
        case "log": return <Log begin={begin} />;
        case "history": return <History begin={begin} />;
        default: return <Overview begin={begin} open={open} />;
    }
}

const here = () => cockpit.location.path[0] ?? "overview";
