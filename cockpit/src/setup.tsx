// The questions of `relayhost init`, the relay's own opinion of the answers, and what `apply` would do.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { ExpandableSection } from "@patternfly/react-core/dist/esm/components/ExpandableSection/index.js";
import { Form } from "@patternfly/react-core/dist/esm/components/Form/index.js";
import { FormEvent, useCallback, useEffect, useRef, useState } from "react";

import { known } from "./ask";
import type { Document, Form as Questions, Sheet } from "./documents";
import { Probed } from "./outcome";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { Plan } from "./plan";
import { ProviderNotes } from "./provider";
import { Field } from "./question";
import { describe, Refusal, write } from "./relayhost";
import { Begin, Remedy, Said, Words } from "./said";
import { asked } from "./words";

const _ = cockpit.gettext;

export function Setup({ begin }: { begin: Begin }) {
    const [sheet, setSheet] = useState<Sheet>({});
    const [form, setForm] = useState<Questions | null>(null);
    const [refusal, setRefusal] = useState<Refusal | null>(null);
    const [written, setWritten] = useState<Document | null>(null);
    const [busy, setBusy] = useState("");

    const doing = useCallback(async (what: string, work: () => Promise<void>) => {
        setBusy(what);
        setRefusal(null);
        await work().catch(thrown => setRefusal(known(thrown)));
        setBusy("");
    }, []);
    // Who is quick asks again before the answer is there: the last one counts.
    const looks = useRef(0);
    const look = useCallback((now: Sheet) => doing("look", async () => {
        const mine = ++looks.current;
        const { form } = await describe(now);
        if (mine === looks.current)
            setForm(form ?? null);
    }), [doing]);
    useEffect(() => void look({}), [look]);

    const answer = (word: string, value: string) => {
        const now = { ...sheet, [word]: value };
        if (value === "")
            delete now[word];
        setSheet(now);
        setWritten(null);
        return now;
    };
    if (!form)
        return refusal ? <Stopped refusal={refusal} again={() => void look(sheet)} /> : <Waiting />;

    const words = [...form.asked, ...form.more].map(question => question.question);
    const ready = form.preview !== null && form.refused === null;
    const submit = (event: FormEvent) => {
        event.preventDefault();
        if (busy === "write")
            return;
        if (!ready)
            return void look(sheet);
        void doing("write", async () => {
            const now = await describe(sheet);
            setForm(now.form ?? null);
            if (now.form?.preview)
                setWritten(await write(asked(sheet, words)));
        });
    };
    const field = (question: Questions["asked"][number], isOpen = false) => (
        <Field key={question.question} question={question} typed={sheet[question.question]} isOpen={isOpen}
            refused={form.refused?.question === question.question ? form.refused : null}
            type={value => void answer(question.question, value)} choose={value => void look(answer(question.question, value))} />
    );
    const refused = form.refused && !words.includes(form.refused.question) ? form.refused : null;
    const relay = sheet.relay ?? form.asked.find(question => question.question === "relay")?.answer ?? "";
    return (
        <>
            <Panel title={form.edits ? _("Change how mail leaves") : _("Set up mail")}>
                <Form onSubmit={submit} autoComplete="off">
                    {form.asked.map(question => field(question))}
                    {form.open && field(form.open, true)}
                    {form.more.length > 0 && <ExpandableSection toggleText={_("More questions")} isIndented><div className="stack">{form.more.map(question => field(question))}</div></ExpandableSection>}
                    {refused && <Message weight="danger" title={<Said>{`${refused.question}: ${refused.problem}`}</Said>}><p><Said>{refused.remedy}</Said></p></Message>}
                    {ready && <ExpandableSection toggleText={_("The answers file that this makes")} isIndented><Words label={_("The answers file")}>{form.preview ?? ""}</Words></ExpandableSection>}
                    <div className="buttons">
                        <Button type="submit" isAriaDisabled={busy === "write"} isLoading={busy === "write"}>{ready ? _("Try the relay and save") : _("Next")}</Button>
                        {busy === "write" && <Waiting label={_("Speaking to the relay")} />}
                    </div>
                </Form>
            </Panel>
            {refusal && <Stopped refusal={refusal} begin={begin} />}
            {written && <Answered document={written} begin={begin} />}
            {form.steps.map(part => (
                <Panel key={part.title} title={part.title}>
                    <ol className="plain">{part.steps.map(step => <li key={step}><Said>{step}</Said></li>)}</ol>
                    {part.commands.length > 0 && <Words label={part.title}>{part.commands.join("\n")}</Words>}
                    {part.wait && <p><Said>{part.wait}</Said></p>}
                </Panel>
            ))}
            {written?.written?.length ? <Plan begin={begin} /> : null}
            <ProviderNotes name={form.asked[0]?.options.some(option => option.answer === relay.split("/")[0]) ? relay.split("/")[0] : ""} />
        </>
    );
}

// What the relay thinks of the answers, and whether they were saved.
function Answered({ document, begin }: { document: Document; begin: Begin }) {
    const saved = (document.written?.length ?? 0) > 0;
    return (
        <div className="stack" role="status">
            {document.probe && <Probed probe={document.probe} />}
            {saved
                ? <Message weight="success" title={_("The answers are saved; nothing else was changed yet")}>{document.summary && <p><Said>{document.summary}</Said></p>}</Message>
                : <Message weight="warning" title={_("Nothing was saved: correct the answers, and try again")} />}
            {document.next?.some(step => step.includes("relayhost login")) && <Message weight="info" title={_("What to do next")}>{document.next.map(step => <Remedy key={step} text={step} begin={begin} />)}</Message>}
            {document.notes?.map(note => <Message key={note} weight="info" title={<Said>{note}</Said>} />)}
        </div>
    );
}
