// What was there before each change, and the way back to it.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core/dist/esm/components/Modal/index.js";
import { useState } from "react";

import { useAsked } from "./ask";
import { Difference } from "./difference";
import type { Generation } from "./documents";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { Begin, Facts, Said } from "./said";

const _ = cockpit.gettext;

const fates: Record<Generation["fate"], string> = { kept: _("kept"), undone: _("undone"), open: _("the run was stopped") };

function fate(generation: Generation): string {
    const by = generation.taken_back_by;
    if (by === "hand")
        return _("taken back by hand");
    return by === null ? fates[generation.fate] : cockpit.format(_("taken back by the run of generation $0"), by);
}

export function History({ begin }: { begin: Begin }) {
    const { document, refusal, again } = useAsked(["history"]);
    const [shown, setShown] = useState<number | null>(null);
    const [chosen, setChosen] = useState<Generation | null>(null);
    if (refusal)
        return <Stopped refusal={refusal} begin={begin} again={again} />;
    const generations = document?.generations;
    const close = () => setChosen(null);
    return (
        <Panel title={_("What was there before each change")}>
            {document?.recovered && <Message weight="info" title={<Said>{document.recovered}</Said>} />}
            {!generations && <Waiting />}
            {generations?.length === 0 && <p>{_("Nothing was changed yet.")}</p>}
            <ol className="generations">
                {[...(generations ?? [])].reverse().map(generation => (
                    <li key={generation.number}>
                        <h3>{cockpit.format(_("Generation $0"), generation.number)}</h3>
                        <Facts of={[[_("Before"), generation.command], [_("When"), new Date(generation.time).toLocaleString(cockpit.language)], [_("That run"), fate(generation)], [_("Files"), generation.files.join(", ") || _("none")]]} />
                        <div className="buttons">
                            <Button variant="secondary" onClick={() => setShown(shown === generation.number ? null : generation.number)} aria-expanded={shown === generation.number} aria-label={cockpit.format(_("What changed after generation $0"), generation.number)}>{_("What changed")}</Button>
                            <Button variant="secondary" onClick={() => setChosen(generation)} aria-label={cockpit.format(_("Restore generation $0"), generation.number)}>{_("Restore")}</Button>
                        </div>
                        {shown === generation.number && <Changes number={generation.number} begin={begin} />}
                    </li>
                ))}
            </ol>
            {chosen && (
                <Modal isOpen variant="small" onClose={close} aria-labelledby="restore-title">
                    <ModalHeader title={cockpit.format(_("Restore generation $0?"), chosen.number)} labelId="restore-title" />
                    <ModalBody>{_("Every file becomes what it was before that run, byte for byte. What is there now is kept as a generation of its own.")}</ModalBody>
                    <ModalFooter>
                        <Button variant="danger" onClick={() => { close(); begin(["restore", String(chosen.number)]); }}>{_("Restore")}</Button>
                        <Button variant="link" onClick={close}>{_("Cancel")}</Button>
                    </ModalFooter>
                </Modal>
            )}
        </Panel>
    );
}

// What that run did to the files.
function Changes({ number, begin }: { number: number; begin: Begin }) {
    const { document, refusal, again } = useAsked(["history", String(number)]);
    if (refusal)
        return <Stopped refusal={refusal} begin={begin} again={again} />;
    const changes = document?.changes;
    return (
        <div className="stack" role="status">
            {!changes && <Waiting />}
            {changes?.length === 0 && <p>{_("No file that is a text.")}</p>}
            {changes?.map(({ file, diff }) => (
                <div key={file}>
                    <h4>{file}</h4>
                    {diff ? <Difference of={diff} label={file} /> : <p>{diff === null ? _("Its text is not kept any more.") : _("No line that may be shown differs.")}</p>}
                </div>
            ))}
        </div>
    );
}
