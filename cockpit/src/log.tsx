// What failed in the log, why, and what to do; and the story of one message.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect/index.js";
import { useState } from "react";

import { useAsked } from "./ask";
import type { Failure } from "./documents";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { Begin, Facts, Remedy, Said, Words } from "./said";

const _ = cockpit.gettext;

export function Log({ begin }: { begin: Begin }) {
    const [since, setSince] = useState("24h");
    const [story, setStory] = useState<string | null>(null);
    const { document, refusal, again } = useAsked(["diagnose", "--since", since]);
    const diagnosis = document?.diagnosis;
    return (
        <>
            <Panel title={_("What the log tells")}>
                <div className="buttons">
                    <FormSelect aria-label={_("Since when")} value={since} onChange={(_event, value) => setSince(value)}>
                        <FormSelectOption value="1h" label={_("the last hour")} />
                        <FormSelectOption value="24h" label={_("the last day")} />
                        <FormSelectOption value="7d" label={_("the last week")} />
                    </FormSelect>
                    <Button variant="secondary" onClick={() => void again()}>{_("Look again")}</Button>
                </div>
                {!document && !refusal && <Waiting label={_("Reading the log")} />}
                {diagnosis && <Facts of={[[_("Read"), diagnosis.sources.join(", ")], [_("Accepted by a relay"), diagnosis.accepted ?? 0]]} />}
                {diagnosis?.unreadable.map(text => <Message key={text} weight="warning" title={<Said>{text}</Said>} />)}
                {diagnosis?.failures?.length === 0 && <Message weight="success" title={_("Nothing failed in this time")} />}
            </Panel>
            {refusal && <Stopped refusal={refusal} begin={begin} again={again} />}
            {diagnosis?.failures?.map(failure => <Failed key={failure.id + failure.words} failure={failure} begin={begin} tell={setStory} />)}
            {document?.findings?.filter(finding => finding.state !== "fine").map(finding => <Message key={finding.id + finding.found} weight={finding.state === "note" ? "info" : "warning"} title={<Said>{finding.found}</Said>}><Remedy text={finding.remedy} begin={begin} /></Message>)}
            {story && <Story id={story} begin={begin} />}
        </>
    );
}

function Failed({ failure, begin, tell }: { failure: Failure; begin: Begin; tell: (id: string) => void }) {
    const { example } = failure;
    const facts: [string, string | number][] = [[_("Messages"), failure.messages], [_("Still waiting"), failure.waiting]];
    if (failure.last)
        facts.push([_("Last time"), failure.last]);
    return (
        <Message weight={failure.over ? "info" : "danger"} title={<Said>{failure.cause ?? _("These words are not known to relayhost")}</Said>}>
            {failure.over && <p>{_("It is over.")}</p>}
            <Remedy text={failure.remedy} begin={begin} />
            <Facts of={facts} />
            <Words label={_("What the log says")}>{failure.words}</Words>
            {example && <Button variant="link" isInline onClick={() => tell(example.queue_id)}>{cockpit.format(_("The story of message $0"), example.queue_id)}</Button>}
        </Message>
    );
}

function Story({ id, begin }: { id: string; begin: Begin }) {
    const { document, refusal } = useAsked(["diagnose", "--queue-id", id]);
    return (
        <Panel title={cockpit.format(_("The story of message $0"), id)}>
            {refusal && <Stopped refusal={refusal} begin={begin} />}
            {!document && !refusal && <Waiting label={_("Reading the log")} />}
            <ol className="stages">
                {document?.diagnosis?.steps?.map((step, index) => (
                    <li key={index} className={step.good ? "good" : "bad"}>
                        {step.time && <small>{step.time}</small>} <Said>{step.text}</Said>{step.times > 1 && ` ×${step.times}`}
                        {step.cause && <Remedy text={step.cause.remedy} begin={begin} />}
                    </li>
                ))}
            </ol>
        </Panel>
    );
}
