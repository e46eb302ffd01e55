// What several screens are made of: a titled part, a message of some weight, a wait, and what stopped a command.
import { Alert } from "@patternfly/react-core/dist/esm/components/Alert/index.js";
import { Button } from "@patternfly/react-core/dist/esm/components/Button/index.js";
import { Card, CardBody, CardTitle } from "@patternfly/react-core/dist/esm/components/Card/index.js";
import { Spinner } from "@patternfly/react-core/dist/esm/components/Spinner/index.js";
import type { ReactNode } from "react";

import type { Refusal } from "./relayhost";
import { Begin, Remedy, Said } from "./said";

const _ = cockpit.gettext;

export type Weight = "success" | "danger" | "warning" | "info";

export function Panel({ title, children }: { title: string; children: ReactNode }) {
    return (
        <Card component="section" aria-label={title}>
            <CardTitle component="h2">{title}</CardTitle>
            <CardBody>{children}</CardBody>
        </Card>
    );
}

// A sentence of some weight, and what belongs to it.
export function Message({ weight, title, children }: { weight: Weight; title: ReactNode; children?: ReactNode }) {
    return <Alert isInline variant={weight} title={title} component="p">{children}</Alert>;
}

export function Waiting({ label = _("Looking at this host") }: { label?: string }) {
    return <p className="waiting" role="status"><Spinner size="md" aria-hidden="true" /> {label} …</p>;
}

// Why something could not be done, in relayhost's words, and what can be done about it.
export function Stopped({ refusal, begin, again }: { refusal: Refusal; begin?: Begin; again?: () => void }) {
    const { text, remedy, again: may } = refusal.trouble;
    return (
        <Message weight={refusal.why === "access" ? "info" : "danger"} title={<Said>{text}</Said>}>
            <Remedy text={remedy} begin={begin} />
            {may && again && <Button variant="link" isInline onClick={again}>{_("Try again")}</Button>}
        </Message>
    );
}
