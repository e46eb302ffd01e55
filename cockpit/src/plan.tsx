// What `relayhost apply` would do, as steps and differences, and the button that does it.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";

import { useAsked } from "./ask";
import { Difference } from "./difference";
import { Message, Panel, Stopped, Waiting } from "./panel";
import { Begin, Said } from "./said";

const _ = cockpit.gettext;

export function Plan({ begin }: { begin: Begin }) {
    const { document, refusal, again } = useAsked(["plan"]);
    if (refusal)
        return <Stopped refusal={refusal} begin={begin} again={again} />;
    const actions = document?.actions;
    return (
        <Panel title={_("What will be done")}>
            {!actions ? <Waiting /> : (
                <div className="stack">
                    {actions.length === 0 && <p>{_("Nothing: the host is as the answers say.")}</p>}
                    <ol className="plain">
                        {actions.map(action => (
                            <li key={action.text}>
                                <Said>{action.text}</Said>
                                {action.diff && <Difference of={action.diff} label={action.text} />}
                            </li>
                        ))}
                    </ol>
                    {document?.foreign?.length ? <Message weight="warning" title={_("Somebody has changed these by hand, and they stop this:")}><ul>{document.foreign.map(text => <li key={text}><Said>{text}</Said></li>)}</ul></Message> : null}
                    <p>{_("If the relay refuses the test message, everything is put back as it was.")}</p>
                    <Button onClick={() => begin(actions.length ? ["apply"] : ["verify"])}>{actions.length ? _("Apply") : _("Send a test message")}</Button>
                </div>
            )}
        </Panel>
    );
}
