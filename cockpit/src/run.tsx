// A run at work: its stages as they happen, and how it ended. It goes on without this page.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form/index.js";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput/index.js";
import { FormEvent, useEffect, useRef, useState } from "react";

import type { Document, Progress } from "./documents";
import { Outcome } from "./outcome";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { follow, Refusal, Run } from "./relayhost";
import { Begin, Said } from "./said";
import { Stage, staged } from "./words";

const _ = cockpit.gettext;

const titles: Record<string, string> = {
    apply: _("Setting up mail"),
    repair: _("Repairing"),
    verify: _("Sending the test message"),
    restore: _("Restoring"),
    login: _("Signing in"),
};

type Shown = { stages: Stage[]; invited: Progress | null; last: Document | null; over: boolean; lost: Refusal | null };
const nothing: Shown = { stages: [], invited: null, last: null, over: false, lost: null };

// What one more document makes of what is shown.
function heard(now: Shown, document: Document): Shown {
    const { progress } = document;
    if (!progress)
        return { ...now, last: document };
    return progress.event === "invite" ? { ...now, invited: progress } : { ...now, stages: staged(now.stages, progress) };
}

type Props = { run: Run; begin: Begin; talk: (words: string[]) => void; close: () => void; ended: () => void };

export function AtWork({ run, begin, talk, close, ended }: Props) {
    const [shown, setShown] = useState(nothing);
    const place = useRef<HTMLDivElement>(null);
    useEffect(() => {
        setShown(nothing);
        place.current?.focus();
        const told = (document: Document) => setShown(now => heard(now, document));
        const end = (lost: Refusal | null) => {
            setShown(now => ({ ...now, over: true, lost }));
            ended();
        };
        return follow(run, told, end);
        // eslint-disable-next-line react-hooks/exhaustive-deps
    }, [run.unit]);
    const { stages, invited, last, over, lost } = shown;
    // What a person brings back goes to standard input, which a unit has not.
    const unanswered = invited !== null && !invited.code && !run.talk;
    return (
        <div ref={place} tabIndex={-1} className="at-work">
            <Panel title={titles[run.words[0]] ?? run.words[0]}>
                <div className="stack" aria-live="polite">
                    <ol className="stages">
                        {stages.map((stage, index) => (
                            <li key={index} className={stage.state}>
                                {stage.name && <b>{stage.name}</b>} <Said>{stage.text}</Said>
                                {stage.notes.map((note, place) => <div key={place}><Said>{note}</Said></div>)}
                            </li>
                        ))}
                    </ol>
                    {invited?.code && !over && <Invitation of={invited} />}
                    {invited && !invited.code && !over && run.talk && <Page address={invited.address ?? ""} bring={address => run.talk?.input(`${address}\n`, true)} />}
                    {unanswered && <Message weight="info" title={_("Signing in goes by a page of the provider, and ends if you leave this one")}><Button onClick={() => talk(run.words)}>{_("Sign in")}</Button></Message>}
                    {!over && run.talk && <Button variant="secondary" onClick={close}>{_("Cancel")}</Button>}
                    {!over && !run.talk && <Waiting label={_("At work; it goes on if you leave this page")} />}
                    {lost && <Stopped refusal={lost} />}
                    {over && !last && !lost && <Message weight="danger" title={_("The run has ended without a word")}><p>{cockpit.format(_("The journal of this host has its output: $0"), run.unit)}</p></Message>}
                    {last && !unanswered && <Outcome document={last} begin={begin} />}
                    {over && <Button variant="secondary" onClick={close}>{_("Close")}</Button>}
                </div>
            </Panel>
        </div>
    );
}

// A person's part of a login by an access token: a code, to be typed at the identity provider's own page.
function Invitation({ of }: { of: Progress }) {
    const { address = "", code = "", limit = 0 } = of;
    return (
        <Message weight="info" title={_("Open this page, on any device, and type the code")}>
            <p><Link to={address} /></p>
            <p className="code">{code}</p>
            <p>{cockpit.format(_("The code ends in $0 minutes."), Math.ceil(limit / 60))}</p>
        </Message>
    );
}

// The same where the provider has no codes: the address at which the browser ends is brought back.
function Page({ address, bring }: { address: string; bring: (address: string) => void }) {
    const [ended, setEnded] = useState("");
    const submit = (event: FormEvent) => {
        event.preventDefault();
        bring(ended.replace(/\s/g, ""));
        setEnded("");
    };
    return (
        <Message weight="info" title={_("Open this page, and log in as the owner of the mailbox")}>
            <p><Link to={address} /></p>
            <p>{_("The browser then ends at an address that begins with http://localhost and cannot be opened. Copy that whole address, and paste it here.")}</p>
            <Form onSubmit={submit} autoComplete="off">
                <FormGroup label={_("The address that the browser ended at")} fieldId="ended-at">
                    <TextInput id="ended-at" value={ended} onChange={(_event, value) => setEnded(value)} spellCheck={false} />
                </FormGroup>
                <div className="buttons"><Button type="submit" isDisabled={ended === ""}>{_("Sign in")}</Button></div>
            </Form>
        </Message>
    );
}

function Link({ to }: { to: string }) {
    return to.startsWith("https://") ? <a href={to} target="_blank" rel="noreferrer noopener">{to}</a> : <Said>{to}</Said>;
}
