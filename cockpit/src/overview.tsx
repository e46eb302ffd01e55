// Does mail leave? The sentence, what waits, what is amiss with its remedy, and the way of a message.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { ReactNode, useEffect } from "react";

import { useAsked } from "./ask";
import type { Finding, Mail, Route } from "./documents";
import { Message, Panel, Stopped, Waiting, type Weight } from "./panel";
import { watch } from "./relayhost";
import { Begin, Facts, Remedy, Said, Words } from "./said";
import { age } from "./words";

const _ = cockpit.gettext;

export function Overview({ begin, open }: { begin: Begin; open: (screen: string) => void }) {
    const status = useAsked(["status"]);
    const check = useAsked(["check"]);
    const route = useAsked(["route"]);
    useEffect(() => watch(async () => void await Promise.all([status.again(), check.again(), route.again()])), [status.again, check.again, route.again]);
    // Sentences and figures have ages in them, which go on while the page is open.
    useEffect(() => {
        const look = () => { if (!window.document.hidden) void Promise.all([status.again(), check.again()]); };
        const clock = window.setInterval(look, 60_000);
        window.document.addEventListener("visibilitychange", look);
        return () => { window.clearInterval(clock); window.document.removeEventListener("visibilitychange", look); };
    }, [status.again, check.again]);
    if (status.refusal)
        return <Stopped refusal={status.refusal} begin={begin} again={status.again} />;
    if (!status.document?.status)
        return <Waiting />;
    const { answered, lines, next } = status.document.status;
    if (!answered)
        return (
            <Panel title={_("Mail is not set up")}>
                <div className="stack">
                    <Facts of={lines.map(line => [line.name, <Said>{line.text}</Said>])} />
                    <Button onClick={() => open("setup")}>{_("Set up mail")}</Button>
                </div>
            </Panel>
        );
    const { mail, findings = [] } = check.document ?? {};
    // What is said once is not said again: the sentence on mail is a finding, too, and both are lines of the status.
    const ofMail = findings.find(finding => finding.found === mail?.sentence);
    const rest = findings.filter(finding => finding !== ofMail && isAmiss(finding));
    const shown = [ofMail, ...rest].map(finding => finding?.remedy);
    return (
        <>
            {check.refusal && <Stopped refusal={check.refusal} begin={begin} again={check.again} />}
            {mail && <Leaving mail={mail} remedy={ofMail?.remedy ?? null} begin={begin} />}
            <Findings of={rest} begin={begin} />
            <Panel title={_("This host")}>
                <div className="stack">
                    <Facts of={lines.filter(line => line.text !== mail?.sentence && !rest.some(finding => finding.found === line.text)).map(line => [line.name, <Said>{line.text}</Said>])} />
                    {!shown.includes(next) && <Remedy text={next} begin={begin} />}
                    <Button variant="secondary" onClick={() => begin(["verify"])}>{_("Send a test message")}</Button>
                </div>
            </Panel>
            {route.refusal && <Stopped refusal={route.refusal} begin={begin} />}
            {route.document?.route && <Way route={route.document.route} begin={begin} />}
        </>
    );
}

const isAmiss = (finding: Finding) => finding.state === "differs" || finding.state === "warning" || finding.id === "incident.open" || finding.id.startsWith("pending.");

function Leaving({ mail, remedy, begin }: { mail: Mail; remedy: string | null; begin: Begin }) {
    const { waiting, taken } = mail;
    const number = waiting.messages === null ? _("not known") : `${waiting.complete ? "" : "≥ "}${waiting.messages}`;
    const facts: [string, ReactNode][] = [
        [_("Waiting messages"), waiting.age === null ? number : cockpit.format(_("$0, the oldest for $1"), number, age(waiting.age))],
        [_("Last message that the relay took"), taken ? cockpit.format(_("$0 ago, to $1"), age(taken.age), taken.to) : _("none is known")],
    ];
    if (waiting.held)
        facts.push([_("Held messages"), waiting.held]);
    return (
        <Message weight={mail.leaves ? "success" : mail.leaves === null ? "warning" : "danger"} title={<Said>{mail.sentence}</Said>}>
            <Remedy text={remedy} begin={begin} />
            <Facts of={facts} />
            {taken && mail.leaves && <Words label={_("The relay's reply")}>{taken.reply}</Words>}
            {mail.refused && mail.leaves === false && <Words label={_("Why the last one failed")}>{mail.refused.reason}</Words>}
            {mail.unknown.map(text => <p key={text}><Said>{text}</Said></p>)}
        </Message>
    );
}

// What is amiss, by what is to be done: several findings may have one remedy.
function Findings({ of, begin }: { of: Finding[]; begin: Begin }) {
    if (of.length === 0)
        return null;
    const weights: [Finding["state"], Weight][] = [["differs", "danger"], ["warning", "warning"]];
    return (
        <Panel title={_("What is amiss")}>
            <div className="stack">
                {[...new Set(of.map(finding => finding.remedy))].map(remedy => {
                    const same = of.filter(finding => finding.remedy === remedy);
                    const weight = weights.find(([state]) => same.some(finding => finding.state === state))?.[1] ?? "info";
                    return (
                        <Message key={remedy ?? ""} weight={weight} title={same.length === 1 ? <Said>{same[0].found}</Said> : cockpit.format(_("$0 things, with one remedy"), same.length)}>
                            {same.length > 1 && <Facts of={same.map(finding => [finding.id, <Said>{finding.found}</Said>])} />}
                            <Remedy text={remedy} begin={begin} />
                        </Message>
                    );
                })}
            </div>
        </Panel>
    );
}

// The way of a message, hop by hop.
function Way({ route, begin }: { route: Route; begin: Begin }) {
    return (
        <Panel title={_("The way of a message")}>
            <p>{cockpit.format(_("From $0 to $1"), route.from, route.to)}</p>
            <ol className="hops">
                {route.hops.map(hop => (
                    <li key={hop.name} className={hop.faults.some(fault => fault.stops) ? "bad" : hop.faults.length ? "open" : "good"}>
                        <div className="hop">
                            <div><b>{hop.name}</b> <Said>{hop.value}</Said></div>
                            {hop.at.length > 0 && <small>{hop.at.map(at => [at.parameter, at.file && (at.line ? `${at.file}:${at.line}` : at.file)].filter(Boolean).join(", ")).join("; ")}</small>}
                            {hop.faults.map(fault => <div key={fault.text}><Said>{fault.text}</Said><Remedy text={fault.remedy} begin={begin} /></div>)}
                            {hop.notes.map(note => <small key={note}><Said>{note}</Said></small>)}
                        </div>
                    </li>
                ))}
            </ol>
        </Panel>
    );
}
