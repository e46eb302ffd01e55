// The test message: to whom, and what became of it, shown by the run.
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { Form, FormGroup } from "@patternfly/react-core/dist/esm/components/Form/index.js";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput/index.js";
import { useState } from "react";

import { Panel } from "./panel";
import type { Begin } from "./said";

const _ = cockpit.gettext;

export function TestMessage({ begin }: { begin: Begin }) {
    const [to, setTo] = useState("");
    return (
        <Panel title={_("Test message")}>
            <Form onSubmit={event => { event.preventDefault(); begin(["verify", ...(to ? [`--to=${to}`] : [])]); }}>
                <p>{_("One real message is sent and followed until the relay has taken or refused it, and into the mailbox if the answers name one.")}</p>
                <FormGroup label={_("To")} fieldId="to">
                    <TextInput id="to" value={to} type="email" placeholder={_("the recipient of the answers")} onChange={(_event, value) => setTo(value)} />
                </FormGroup>
                <div className="buttons"><Button type="submit">{_("Send the test message")}</Button></div>
            </Form>
        </Panel>
    );
}
