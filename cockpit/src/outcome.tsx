// How a run ended: the relay's own words, the cause and the remedy, and what is in force.
import { ExpandableSection } from "@patternfly/react-core/dist/esm/components/ExpandableSection/index.js";

import type { Cause, Delivery, Document, Probe } from "./documents";
import { Message, type Weight } from "./panel";
import { Begin, Remedy, Said, Words } from "./said";

const _ = cockpit.gettext;

export function Outcome({ document, begin }: { document: Document; begin: Begin }) {
    const { error, delivery, probe, result, findings = [], recovered, unrecorded } = document;
    const amiss = findings.filter(finding => finding.state === "differs" || finding.state === "warning");
    return (
        <div className="stack">
            {recovered && <Message weight="info" title={<Said>{recovered}</Said>} />}
            {error && <Message weight="danger" title={<Said>{error.text}</Said>}><Remedy text={error.remedy} begin={begin} /></Message>}
            {delivery && <Delivered delivery={delivery} begin={begin} />}
            {document.unlike && <Message weight="warning" title={<Said>{document.unlike}</Said>} />}
            {!delivery && probe && <Probed probe={probe} begin={begin} />}
            {document.put_back && <Message weight="warning" title={_("The previous configuration was restored")}>{result && <p><Said>{result}</Said></p>}</Message>}
            {result && !document.put_back && <Message weight={document.exit === 0 ? "info" : "warning"} title={<Said>{result}</Said>} />}
            {unrecorded && <Message weight="warning" title={<Said>{unrecorded}</Said>} />}
            {document.command === "restore" && !error && <Restored document={document} begin={begin} />}
            {document.login && <Message weight="success" title={cockpit.format(_("$0 has logged in"), document.login.account ?? document.login.mailbox)}>{document.next?.map(step => <Remedy key={step} text={step} begin={begin} />)}</Message>}
            {amiss.map(finding => <Message key={finding.id + finding.found} weight="warning" title={<Said>{finding.found}</Said>}><Remedy text={finding.remedy} begin={begin} /></Message>)}
            {document.exit === 0 && !error && !delivery && !result && document.command !== "restore" && document.command !== "login" && <Message weight="success" title={_("Done")} />}
        </div>
    );
}

function Restored({ document, begin }: { document: Document; begin: Begin }) {
    const title = document.previous === null ? _("Every file was as in generation $0 already: nothing was changed") : _("Every file is as it was in generation $0");
    return (
        <Message weight="success" title={cockpit.format(title, document.generation ?? 0)}>
            {document.wanted && <p>{_("The answers are as before, and the next run puts them into force again:")} <Said>{document.wanted}</Said></p>}
            {document.edited?.length ? <p>{cockpit.format(_("These had been edited by hand, and the edits are kept in generation $0:"), document.previous ?? 0)} {document.edited.join(", ")}</p> : null}
            {document.undo && <Remedy text={cockpit.format(_("`$0` takes this back"), document.undo)} begin={begin} />}
        </Message>
    );
}

// What became of a message.
export function Delivered({ delivery, begin }: { delivery: Delivery; begin: Begin }) {
    const { accepted, arrival } = delivery;
    return (
        <>
            <Message weight={accepted ? "success" : "danger"} title={accepted ? cockpit.format(_("$0 has accepted the message to $1"), delivery.relay ?? "", delivery.to) : <Said>{delivery.cause?.text ?? ""}</Said>}>
                {accepted && <Words label={_("The relay's reply")}>{delivery.reply ?? ""}</Words>}
                {!accepted && <Why cause={delivery.cause} evidence={delivery.evidence} begin={begin} />}
            </Message>
            {arrival && <Message weight={arrival.arrived ? "success" : "warning"} title={arrival.seen ? cockpit.format(_("Seen in the folder $0"), arrival.seen.folder) : _("Not seen in the mailbox")}><Why cause={arrival.cause ?? undefined} begin={begin} /></Message>}
        </>
    );
}

// A conversation with the relay in which nothing was sent.
export function Probed({ probe, begin }: { probe: Probe; begin?: Begin }) {
    const weight: Weight = probe.ending === "willing" ? "success" : probe.ending === "untried" ? "info" : "danger";
    const title = probe.ending === "willing" ? cockpit.format(_("$0 would take the message"), probe.relayhost) : <Said>{probe.cause?.text ?? probe.untried ?? ""}</Said>;
    return (
        <>
            <Message weight={weight} title={title}>
                <Why cause={probe.cause} evidence={probe.evidence} begin={begin} />
                {probe.doubts?.map(doubt => <p key={doubt}><Said>{doubt}</Said></p>)}
                <ExpandableSection toggleText={_("The conversation, step by step")} isIndented>
                    <ol className="stages">
                        {probe.stages.map(stage => (
                            <li key={stage.name} className={stage.good ? "good" : "bad"}>
                                <b>{stage.name}</b> <Said>{stage.text}</Said>
                                {stage.said && <Words label={cockpit.format(_("What the relay said: $0"), stage.name)}>{stage.said}</Words>}
                            </li>
                        ))}
                    </ol>
                </ExpandableSection>
            </Message>
            {probe.warnings.map(warning => <Message key={warning.id} weight="warning" title={<Said>{warning.text}</Said>}><Remedy text={warning.remedy} begin={begin} /></Message>)}
        </>
    );
}

function Why({ cause, evidence = [], begin }: { cause?: Cause; evidence?: string[]; begin?: Begin }) {
    return (
        <>
            <Remedy text={cause?.remedy ?? null} begin={begin} />
            {evidence.length > 0 && <Words label={_("Evidence")}>{evidence.join("\n")}</Words>}
        </>
    );
}
