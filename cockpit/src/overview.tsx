// Does mail leave? The sentence, what waits, what is amiss with its remedy, and the way of a message.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { ReactNode, useEffect } from "react";

import { useAsked } from "./ask";
import type { Finding, Mail, Route } from "./documents";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { watch } from "./relayhost";
import { Begin, Facts, Remedy, Said, Words } from "./said";
import { age } from "./words";

const _ = cockpit.gettext;

export function Overview({ begin, open }: { begin: Begin; open: (screen: string) => void }) {
    const status = useAsked(["status"]);
    const check = useAsked(["check"]);
    const route = useAsked(["route"]);
    useEffect(() => watch(async () => void await Promise.all([status.again(), check.again(), route.again()])), [status.again, check.again, route.again]);
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
    const findings = check.document?.findings ?? [];
    return (
        <>
            {check.refusal && <Stopped refusal={check.refusal} begin={begin} again={check.again} />}
            {check.document?.mail && <Leaving mail={check.document.mail} />}
            <Findings of={findings} begin={begin} />
            <Panel title={_("This host")}>
                <div className="stack">
                    <Facts of={lines.map(line => [line.name, <Said>{line.text}</Said>])} />
                    <Remedy text={next} begin={begin} />
                    <Button variant="secondary" onClick={() => begin(["verify"])}>{_("Send a test message")}</Button>
                </div>
            </Panel>
            {route.refusal && <Stopped refusal={route.refusal} begin={begin} />}
            {route.document?.route && <Way route={route.document.route} begin={begin} />}
        </>
    );
}

function Leaving({ mail }: { mail: Mail }) {
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
            <Facts of={facts} />
            {taken && <Words label={_("The relay's reply")}>{taken.reply}</Words>}
            {mail.refused && mail.leaves === false && <Words label={_("Why the last one failed")}>{mail.refused.reason}</Words>}
            {mail.unknown.map(text => <p key={text}><Said>{text}</Said></p>)}
        </Message>
    );
}

function Findings({ of, begin }: { of: Finding[]; begin: Begin }) {
    const amiss = of.filter(finding => finding.state === "differs" || finding.state === "warning" || finding.id === "incident.open");
    if (amiss.length === 0)
        return null;
    return (
        <Panel title={_("What is amiss")}>
            <div className="stack">
                {amiss.map(finding => (
                    <Message key={finding.id + finding.found} weight={finding.state === "differs" ? "danger" : finding.state === "warning" ? "warning" : "info"} title={<Said>{finding.found}</Said>}>
                        <Remedy text={finding.remedy} begin={begin} />
                    </Message>
                ))}
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
                            <b>{hop.name}</b> <Said>{hop.value}</Said>
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
