// What is known of a provider: what to have ready, and what will bite.
import { useEffect, useState } from "react";

import type { Provider } from "./documents";
import { Message, Panel } from "./panel";
import { ask } from "./relayhost";
import { Facts, Said } from "./said";

const _ = cockpit.gettext;

export function ProviderNotes({ name }: { name: string }) {
    const [provider, setProvider] = useState<Provider | null>(null);
    useEffect(() => {
        setProvider(null);
        // Notes beside the questions: where they cannot be had, the questions say what is wrong.
        if (name)
            ask(["providers", name]).then(document => setProvider(document.providers?.[0] ?? null), () => undefined);
    }, [name]);
    if (!provider)
        return null;
    const facts: [string, string | undefined][] = [[_("User name"), provider.username], [_("Password"), provider.password], [_("Sender"), provider.sender]];
    return (
        <Panel title={provider.title}>
            <div className="stack">
                <Facts of={facts.flatMap(([label, text]) => (text ? [[label, <Said>{text}</Said>] as [string, JSX.Element]] : []))} />
                {provider.warnings.map(warning => <Message key={warning.text} weight="warning" title={<Said>{warning.text}</Said>} />)}
                <List title={_("Have ready")} of={provider.ready} />
                <List title={_("Limits")} of={provider.limits} />
                <p><a href={provider.source} target="_blank" rel="noreferrer noopener">{_("The provider's own page")}</a></p>
            </div>
        </Panel>
    );
}

function List({ title, of }: { title: string; of: string[] }) {
    return of.length === 0 ? null : <div><h3>{title}</h3><ul className="plain">{of.map(text => <li key={text}><Said>{text}</Said></li>)}</ul></div>;
}
